/** A name and a sentence in each language besides English. */
export interface Translated {
  fr: readonly [string, string]
  ja: readonly [string, string]
  ru: readonly [string, string]
}

/** Commands, and their actions (`privacy export`), in other languages. */
export const COMMAND_TRANSLATIONS: Readonly<Record<string, Translated>> = {
  share: {
    fr: ['partager', 'Partager un fichier, un texte ou une adresse web avec l’espace'],
    ja: ['共有', 'ファイル、テキスト、ウェブアドレスをスペースと共有する'],
    ru: ['поделиться', 'Поделиться с пространством файлом, текстом или веб-адресом'],
  },
  get: {
    fr: ['obtenir', 'Récupérer quelque chose par sa clé ou son lien'],
    ja: ['取得', 'キーまたはリンクから取り出す'],
    ru: ['получить', 'Получить что-либо по ключу или ссылке'],
  },
  list: {
    fr: ['liste', 'Lister ce que l’espace partage'],
    ja: ['一覧', 'スペースで共有されているものを一覧する'],
    ru: ['список', 'Показать, чем делится пространство'],
  },
  describe: {
    fr: ['décrire', 'Montrer tout ce qu’on sait d’une chose, et qui la détient'],
    ja: ['詳細', 'ある物について分かることと保持者を表示する'],
    ru: ['описать', 'Показать всё известное о вещи и у кого она хранится'],
  },
  keep: {
    fr: ['garder', 'Garder quelque chose entier sur ce nœud jusqu’à l’oublier'],
    ja: ['保持', '忘れるまでこのノードに丸ごと保持する'],
    ru: ['хранить', 'Хранить что-либо на этом узле целиком, пока не забудете'],
  },
  forget: {
    fr: ['oublier', 'Ne plus garder quelque chose ici, ou le retirer de la liste'],
    ja: ['忘れる', 'ここでの保持をやめる、または一覧から外す'],
    ru: ['забыть', 'Перестать хранить здесь или убрать из списка'],
  },
  ping: {
    fr: ['ping', 'Vérifier que le nœud répond, et le délai des pairs'],
    ja: ['ping', 'ノードの応答とピアまでの時間を確かめる'],
    ru: ['пинг', 'Проверить, отвечает ли узел и как далеко соседи'],
  },
  status: {
    fr: ['état', 'Montrer l’état du nœud et de son espace'],
    ja: ['状態', 'ノードとスペースの状態を表示する'],
    ru: ['состояние', 'Показать состояние узла и его пространства'],
  },
  peers: {
    fr: ['pairs', 'Lister les pairs : nom, identifiant, délai, chemin, place'],
    ja: ['ピア', 'ピアの名前、ID、遅延、経路、空きを一覧する'],
    ru: ['соседи', 'Показать соседей: имя, идентификатор, задержку, путь, место'],
  },
  sync: {
    fr: ['synchroniser', 'Échanger maintenant avec tous les membres connectés'],
    ja: ['同期', '接続中の全メンバーと今すぐ同期する'],
    ru: ['синхронизация', 'Обменяться данными со всеми подключёнными участниками'],
  },
  doctor: {
    fr: ['docteur', 'Trouver pourquoi quelque chose manque, ou si tout va bien'],
    ja: ['診断', '取得できない理由や不調を調べる'],
    ru: ['доктор', 'Узнать, почему что-то недоступно и здоров ли узел'],
  },
  task: {
    fr: ['tâche', 'Faire travailler les machines des membres'],
    ja: ['タスク', 'メンバーのマシンに仕事を頼む'],
    ru: ['задача', 'Поручить работу машинам участников'],
  },
  archive: {
    fr: ['archive', 'Garder ce qui est dit dans un salon'],
    ja: ['アーカイブ', 'チャンネルの発言を保存する'],
    ru: ['архив', 'Сохранять то, что говорится в канале'],
  },
  history: {
    fr: ['historique', 'Montrer les commandes données et leur issue'],
    ja: ['履歴', '実行したコマンドとその結果を表示する'],
    ru: ['история', 'Показать отданные команды и их итог'],
  },
  privacy: {
    fr: ['confidentialité', 'Montrer ou effacer ce que ce nœud garde sur vous'],
    ja: ['プライバシー', 'あなたについて保存されたものを表示・消去する'],
    ru: ['приватность', 'Показать или стереть то, что узел хранит о вас'],
  },
  feedback: {
    fr: ['avis', 'Dire au propriétaire du nœud ce qui va ou ne va pas'],
    ja: ['感想', 'ノードの所有者に意見を伝える'],
    ru: ['отзыв', 'Сказать владельцу узла, что хорошо и чего не хватает'],
  },
  help: {
    fr: ['aide', 'Expliquer les commandes'],
    ja: ['ヘルプ', 'コマンドを説明する'],
    ru: ['помощь', 'Объяснить команды'],
  },
  invite: {
    fr: ['inviter', 'Faire un lien pour qu’une autre machine rejoigne l’espace'],
    ja: ['招待', '別のマシンが参加するためのリンクを作る'],
    ru: ['пригласить', 'Сделать ссылку, по которой войдёт другая машина'],
  },
  setup: {
    fr: ['configuration', 'Choisir rôles, langue et salon de ce serveur'],
    ja: ['設定', 'このサーバーのロール、言語、チャンネルを選ぶ'],
    ru: ['настройка', 'Выбрать роли, язык и канал этого сервера'],
  },
  'privacy export': {
    fr: ['exporter', 'Montrer tout ce que ce nœud garde sur vous'],
    ja: ['書き出し', 'あなたについて保存されたすべてを表示する'],
    ru: ['выгрузить', 'Показать всё, что узел хранит о вас'],
  },
  'privacy delete': {
    fr: ['effacer', 'Effacer pour de bon ce que ce nœud garde sur vous'],
    ja: ['削除', 'あなたについて保存されたものを完全に消去する'],
    ru: ['стереть', 'Навсегда стереть то, что узел хранит о вас'],
  },
}

/** Options, by name; `command.option` where one means something of its own. */
export const OPTION_TRANSLATIONS: Readonly<Record<string, Translated>> = {
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
}

/** Entries of a message's menu. */
export const MENU_TRANSLATIONS: Readonly<Record<string, { fr: string; ja: string; ru: string }>> = {
  'Store this message': {
    fr: 'Conserver ce message',
    ja: 'このメッセージを保存',
    ru: 'Сохранить это сообщение',
  },
  'Verify this file': {
    fr: 'Vérifier ce fichier',
    ja: 'このファイルを検証',
    ru: 'Проверить этот файл',
  },
}
