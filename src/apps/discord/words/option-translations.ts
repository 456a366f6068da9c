import type { Translated } from './command-translations.ts'

/** An option; also its English description, where the command's own says more than Discord has room or use for. */
export interface TranslatedOption extends Translated {
  en?: string
}

/** Options, by name; `command.option` or `command action.option` where one means something of its own. */
export const OPTION_TRANSLATIONS: Readonly<Record<string, TranslatedOption>> = {
  file: {
    fr: ['fichier', 'Fichier à partager'],
    ja: ['ファイル', '共有するファイル'],
    ru: ['файл', 'Файл, которым поделиться'],
  },
  text: {
    fr: ['texte', 'Partager ce texte au lieu d’un fichier'],
    ja: ['テキスト', 'ファイルの代わりに共有するテキスト'],
    ru: ['текст', 'Поделиться этим текстом вместо файла'],
  },
  'feedback.text': {
    fr: ['texte', 'Ce que vous voulez dire'],
    ja: ['本文', '伝えたいこと'],
    ru: ['текст', 'Что вы хотите сказать'],
  },
  url: {
    fr: ['adresse', 'Aller chercher cette adresse et partager son contenu'],
    ja: ['アドレス', 'このアドレスの内容を取得して共有する'],
    ru: ['адрес', 'Взять содержимое этого адреса и поделиться им'],
  },
  name: {
    fr: ['nom', 'Nom à montrer'],
    ja: ['名前', '表示する名前'],
    ru: ['имя', 'Отображаемое имя'],
  },
  'list.name': {
    fr: ['nom', 'Seulement les noms qui contiennent ceci'],
    ja: ['名前', 'この文字列を含む名前だけ'],
    ru: ['имя', 'Только имена, в которых есть это'],
  },
  private: {
    fr: ['privé', 'Chiffrer pour les membres et qui a le lien'],
    ja: ['非公開', 'メンバーとリンクを持つ人だけに暗号化する'],
    ru: ['приватно', 'Зашифровать для участников и владельцев ссылки'],
  },
  copies: {
    fr: ['copies', 'Nombre de copies entières, celle de ce nœud comprise'],
    ja: ['複製数', 'このノードの分を含む完全な複製の数'],
    ru: ['копии', 'Число полных копий вместе с копией этого узла'],
  },
  id: {
    fr: ['clé', 'Clé ou lien ; les noms se complètent en tapant'],
    ja: ['キー', 'キーまたはリンク。名前で補完できます'],
    ru: ['ключ', 'Ключ или ссылка; имена дополняются при вводе'],
  },
  mine: {
    fr: ['à-moi', 'Seulement ce que ce nœud a partagé'],
    ja: ['自分の', 'このノードが共有したものだけ'],
    ru: ['мои', 'Только то, чем поделился этот узел'],
  },
  until: {
    fr: ['jusquà', 'Laisser partir de lui-même à ce moment (ISO 8601)'],
    ja: ['期限', 'この時刻に自動で手放す (ISO 8601)'],
    ru: ['до', 'Отпустить само в это время (ISO 8601)'],
  },
  everywhere: {
    fr: ['partout', 'Le retirer aussi de la liste partagée'],
    ja: ['どこでも', '共有一覧からも外す'],
    ru: ['везде', 'Убрать и из общего списка'],
  },
  peer: {
    fr: ['pair', 'Identifiant du pair à joindre'],
    ja: ['ピア', '到達を確かめるピアのID'],
    ru: ['сосед', 'Идентификатор узла, до которого дойти'],
  },
  all: {
    fr: ['tous', 'Aussi les membres absents'],
    ja: ['すべて', '不在のメンバーも含める'],
    ru: ['все', 'И отсутствующих участников'],
  },
  command: {
    fr: ['commande', 'Commande dont il s’agit'],
    ja: ['コマンド', '対象のコマンド'],
    ru: ['команда', 'О какой команде речь'],
  },
  since: {
    fr: ['depuis', 'Seulement les derniers 30m, 12h ou 7d'],
    ja: ['期間', '直近 30m、12h、7d だけ'],
    ru: ['за', 'Только за последние 30m, 12h или 7d'],
  },
  everybody: {
    fr: ['tout-le-monde', 'Les commandes de tous, pour qui gère la communauté'],
    ja: ['全員', '全員の分（管理する人向け）'],
    ru: ['от-всех', 'Команды всех, для тех, кто управляет сообществом'],
  },
  confirm: {
    fr: ['confirmer', 'Oui, effacer pour de bon'],
    ja: ['確認', 'はい、完全に消去します'],
    ru: ['подтвердить', 'Да, стереть навсегда'],
  },
  expires: {
    fr: ['durée', 'Combien de temps il vaut : 30m, 12h ou 7d'],
    ja: ['有効期間', '有効な期間。30m、12h、7d など'],
    ru: ['срок', 'Сколько действует: 30m, 12h или 7d'],
  },
  single: {
    fr: ['unique', 'Bon pour une seule machine'],
    ja: ['一回', '一台のマシンだけに有効'],
    ru: ['одно', 'Только для одной машины'],
  },
  'task.id': {
    en: 'Content to work on; several with commas',
    fr: ['clé', 'Contenu à traiter ; plusieurs avec des virgules'],
    ja: ['キー', '対象のコンテンツ。複数はコンマで区切る'],
    ru: ['ключ', 'Над чем работать; несколько через запятую'],
  },
  'task status.id': {
    en: 'Which task; completed while you type',
    fr: ['tâche', 'La tâche ; se complète en tapant'],
    ja: ['タスク', '対象のタスク。入力中に補完できます'],
    ru: ['задача', 'Какая задача; дополняется при вводе'],
  },
  'task cancel.id': {
    en: 'Which task; completed while you type',
    fr: ['tâche', 'La tâche ; se complète en tapant'],
    ja: ['タスク', '対象のタスク。入力中に補完できます'],
    ru: ['задача', 'Какая задача; дополняется при вводе'],
  },
  kind: {
    fr: ['genre', 'Ce qu’il faut en faire'],
    ja: ['種類', '何をするか'],
    ru: ['вид', 'Что с этим сделать'],
  },
  algorithm: {
    fr: ['algorithme', 'Pour hash : lequel ; sans cela sha256'],
    ja: ['方式', 'hash の方式。省略時は sha256'],
    ru: ['алгоритм', 'Для hash: какой; без этого sha256'],
  },
  size: {
    en: 'For a thumbnail: its longest side in pixels; 320 without',
    fr: ['taille', 'Pour une miniature : plus long côté en pixels ; sans cela 320'],
    ja: ['大きさ', 'サムネイルの長辺のピクセル数。省略時は 320'],
    ru: ['размер', 'Для миниатюры: длинная сторона в пикселях; без этого 320'],
  },
  format: {
    en: 'For a thumbnail: jpeg or png',
    fr: ['format', 'Pour une miniature : jpeg ou png'],
    ja: ['形式', 'サムネイルの形式。jpeg または png'],
    ru: ['формат', 'Для миниатюры: jpeg или png'],
  },
  module: {
    fr: ['module', 'Pour wasm : le contenu qui est le module WebAssembly'],
    ja: ['モジュール', 'wasm 用。WebAssembly モジュールであるコンテンツ'],
    ru: ['модуль', 'Для wasm: содержимое, которое есть модуль WebAssembly'],
  },
  data: {
    fr: ['données', 'Pour wasm : texte en entrée, au lieu d’un contenu'],
    ja: ['データ', 'wasm 用。コンテンツの代わりに渡すテキスト'],
    ru: ['данные', 'Для wasm: текст на вход вместо содержимого'],
  },
  workers: {
    fr: ['membres', 'Le faire faire par autant de membres et comparer leurs résultats'],
    ja: ['人数', 'この数の別々のメンバーに頼み、結果を比べる'],
    ru: ['исполнители', 'Поручить стольким разным участникам и сравнить сделанное'],
  },
  lasting: {
    fr: ['durable', 'Continuer aussi quand ce nœud est parti'],
    ja: ['継続', 'このノードがなくなっても続ける'],
    ru: ['долговечно', 'Продолжать и когда этого узла нет'],
  },
  once: {
    fr: ['une-fois', 'Ne jamais la commencer deux fois, même si elle risque de ne pas se faire'],
    ja: ['一度だけ', '行われない恐れがあっても、二度は始めない'],
    ru: ['однажды', 'Никогда не начинать дважды, даже если она так и не будет сделана'],
  },
  within: {
    fr: ['délai', 'Y renoncer après ce temps, par exemple 30m'],
    ja: ['期限', 'この時間で諦める。30m など'],
    ru: ['срок', 'Отказаться после этого времени, например 30m'],
  },
  wait: {
    fr: ['attendre', 'Attendre qu’elle soit finie'],
    ja: ['待つ', '終わるまで待つ'],
    ru: ['ждать', 'Ждать, пока не закончится'],
  },
  'task.everybody': {
    fr: ['tout-le-monde', 'Les tâches de tous, pour qui gère la communauté'],
    ja: ['全員', '全員のタスク（管理する人向け）'],
    ru: ['от-всех', 'Задачи всех, для тех, кто управляет сообществом'],
  },
  limit: {
    fr: ['nombre', 'Tout au plus autant'],
    ja: ['件数', '最大この件数'],
    ru: ['число', 'Не больше стольких'],
  },
  channel: {
    en: 'The channel in question',
    fr: ['salon', 'Le salon dont il s’agit'],
    ja: ['チャンネル', '対象のチャンネル'],
    ru: ['канал', 'О каком канале речь'],
  },
  deletions: {
    fr: ['suppressions', 'Ce qui y est supprimé : le garder comme version que nul ne trouve, ou l’effacer'],
    ja: ['削除時', '削除された発言を、検索に出ない版として残すか、ここでも消すか'],
    ru: ['удалённое', 'Удалённое там: хранить версией, которую поиск не находит, или стереть'],
  },
  query: {
    fr: ['mots', 'Mots à trouver ; "entre guillemets" une suite, mot* un début, -mot sans lui'],
    ja: ['語句', '探す言葉。"引用符"で句、語* で前方一致、-語 で除外'],
    ru: ['слова', 'Что искать; "в кавычках" фраза, слово* начало, -слово исключить'],
  },
  author: {
    en: 'Only what this person said',
    fr: ['auteur', 'Seulement ce que cette personne a dit'],
    ja: ['発言者', 'この人の発言だけ'],
    ru: ['автор', 'Только сказанное этим человеком'],
  },
  from: {
    fr: ['dès', 'Seulement ce qui fut dit depuis : 2026-11-21, ou avec une heure'],
    ja: ['開始日', 'この日時以降の発言だけ。2026-11-21、時刻も可'],
    ru: ['с', 'Только сказанное с тех пор: 2026-11-21, можно с временем'],
  },
  to: {
    fr: ['jusquà', 'Seulement ce qui fut dit jusque-là'],
    ja: ['終了日', 'この日時までの発言だけ'],
    ru: ['по', 'Только сказанное до этого'],
  },
  offset: {
    fr: ['sauter', 'En laisser d’abord autant de côté'],
    ja: ['飛ばす', '最初のこの件数を飛ばす'],
    ru: ['пропустить', 'Сначала пропустить столько'],
  },
  share: {
    fr: ['partager', 'Partager aussi l’export avec l’espace et donner son lien'],
    ja: ['共有', '書き出したものをスペースと共有し、リンクを示す'],
    ru: ['поделиться', 'Поделиться выгрузкой с пространством и дать ссылку'],
  },
  erase: {
    fr: ['effacer', 'Effacer aussi ce qui est gardé de vous jusqu’ici'],
    ja: ['消去', 'これまでに保存された自分の発言も消す'],
    ru: ['стереть', 'Стереть и то, что от вас уже сохранено'],
  },
}

/** Choices, by option and value. */
export const CHOICE_TRANSLATIONS: Readonly<Record<string, { fr: string; ja: string; ru: string }>> = {
  'kind.verify': { fr: 'vérifier chaque morceau', ja: '全チャンクを検証', ru: 'проверить каждую часть' },
  'kind.hash': { fr: 'empreinte', ja: 'ハッシュ', ru: 'хеш' },
  'kind.archive': { fr: 'réunir en un paquet', ja: '一つにまとめる', ru: 'собрать в один пакет' },
  'kind.transcode-image': { fr: 'miniature', ja: 'サムネイル', ru: 'миниатюра' },
  'deletions.keep': { fr: 'garder comme version', ja: '版として残す', ru: 'хранить версией' },
  'deletions.erase': { fr: 'effacer ici aussi', ja: 'ここでも消す', ru: 'стереть и здесь' },
}

/** Choices that are called the same in every language. */
export const CHOICES_ALIKE: readonly string[] = [
  'blake2b512',
  'jpeg',
  'png',
  'sha256',
  'sha3-256',
  'sha3-512',
  'sha512',
  'wasm',
]
