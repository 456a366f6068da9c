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
  'task run': {
    fr: ['lancer', 'Faire faire quelque chose'],
    ja: ['実行', '仕事を頼む'],
    ru: ['запустить', 'Поручить какую-либо работу'],
  },
  'task status': {
    fr: ['état', 'Montrer où en est une tâche et ce qu’elle a donné'],
    ja: ['状態', 'タスクの進み具合と結果を表示する'],
    ru: ['состояние', 'Показать ход задачи и что из неё вышло'],
  },
  'task list': {
    fr: ['liste', 'Montrer vos tâches'],
    ja: ['一覧', 'あなたのタスクを表示する'],
    ru: ['список', 'Показать ваши задачи'],
  },
  'task cancel': {
    fr: ['annuler', 'Mettre fin à une tâche'],
    ja: ['中止', 'タスクを終わらせる'],
    ru: ['отменить', 'Прекратить задачу'],
  },
  'archive start': {
    fr: ['commencer', 'Commencer à garder un salon, avec ce qui y fut dit avant'],
    ja: ['開始', 'チャンネルの保存を始める（以前の発言も含む）'],
    ru: ['начать', 'Начать хранить канал вместе с тем, что было сказано раньше'],
  },
  'archive stop': {
    fr: ['arrêter', 'Ne plus rien garder d’un salon ; ce qui est gardé reste'],
    ja: ['停止', 'チャンネルの保存をやめる（保存済みの分は残る）'],
    ru: ['остановить', 'Больше не хранить канал; сохранённое останется'],
  },
  'archive status': {
    fr: ['état', 'Montrer ce qui est gardé et où cela en est'],
    ja: ['状態', '保存されたものと進み具合を表示する'],
    ru: ['состояние', 'Показать, что сохранено и как далеко дошло'],
  },
  'archive search': {
    fr: ['chercher', 'Trouver des messages gardés'],
    ja: ['検索', '保存されたメッセージを探す'],
    ru: ['искать', 'Найти сохранённые сообщения'],
  },
  'archive export': {
    fr: ['exporter', 'Écrire l’archive comme dossier de JSON et de pages'],
    ja: ['書き出し', 'アーカイブをJSONとページのフォルダーに書き出す'],
    ru: ['выгрузить', 'Записать архив папкой из JSON и страниц'],
  },
  'archive optout': {
    fr: ['refuser', 'Ne plus rien faire garder de ce que vous dites'],
    ja: ['不参加', '今後の自分の発言を保存させない'],
    ru: ['не-хранить', 'Больше не хранить ничего из сказанного вами'],
  },
  'archive optin': {
    fr: ['accepter', 'Faire de nouveau garder ce que vous dites'],
    ja: ['参加', '自分の発言を再び保存させる'],
    ru: ['хранить', 'Снова хранить сказанное вами'],
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
