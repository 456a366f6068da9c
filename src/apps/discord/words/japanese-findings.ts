import type { FindingWords } from './english-findings.ts'

/** What `doctor` and `status` find, in Japanese. */
export const japaneseFindings: FindingWords = {
  'step.id': 'ID',
  'step.local': 'このノード',
  'step.manifest': 'マニフェスト',
  'step.providers': '持っている相手',
  'step.connect': '接続',
  'step.permission': '読み取りの許可',
  'step.chunks': 'チャンク',
  'step.integrity': '完全性',
  'step.addresses': 'アドレス',
  'step.peers': 'ピア',
  'step.space': 'スペース',
  'step.disk': 'ディスク',
  'step.state': '状態',
  'step.leaving': '離脱',

  'look.disk-nearly-full': 'ディスクの空きがほとんどありません',
  'look.disk-unreadable': 'ディスクが応答しません',
  'look.chunks-unreadable': 'ディスクが一部のチャンクを読めません',
  'look.not-listening': 'ノードが接続を受け付けていません',
  'look.repair-behind': '修復が大きく遅れています',

  'finding.ID_VALID': '{id} はコンテンツIDです。',
  'finding.MANIFEST_HERE': 'マニフェストはこのノードにあります。',
  'finding.MANIFEST_ELSEWHERE': 'マニフェストはこのノードにありません。ピアに尋ねます。',
  'finding.MANIFEST_READ': 'サイズ {sizeBytes}、チャンク数 {chunks}。',
  'finding.MANIFEST_UNREADABLE': '{reason}',
  'finding.PROVIDERS_COUNTED':
    '持っている可能性のあるピア: {candidates}、持っていると答えたピア: {holding}。',
  'finding.PEERS_REACHED': '届くピア: {asked} 中 {reached}、届かないピア: {away}。',
  'finding.READ_REFUSED': 'このノードへの提供を拒むピア: {count}。',
  'finding.READ_ALLOWED': '拒んでいる相手はいません。',
  'finding.CHUNKS_LOST': '届く相手の誰も持っていないチャンク: {chunks} 中 {lost}。',
  'finding.CHUNKS_THERE': 'すべてのチャンクを取得できます。',
  'finding.CHUNKS_REBUILT': 'すべてのチャンクを取得できます。うちパリティから復元: {rebuilt}。',
  'finding.COPIES_UNREAD': '読めた複製はありませんでした。',
  'finding.COPIES_WHOLE': '検査のために読んだチャンク {read} 個はすべて無傷です。',
  'finding.COPIES_DAMAGED':
    '複製が壊れた、または失われたマシン: {machines}。どのチャンクも、どこかに無傷であります。',
  'finding.COPIES_DAMAGED_HERE':
    '複製が壊れた、または失われたマシン: {machines}（このマシンも）。どのチャンクも、どこかに無傷であります。',
  'finding.COPIES_SPOILT':
    '複製が壊れた、または失われたマシン: {machines}。届く範囲に無傷の複製がないチャンク: {spoilt}。',
  'finding.COPIES_SPOILT_HERE':
    '複製が壊れた、または失われたマシン: {machines}（このマシンも）。届く範囲に無傷の複製がないチャンク: {spoilt}。',

  'finding.ADDRESSES_DIALABLE': '他のマシンから接続できるこのノードのアドレス: {count}。',
  'finding.ADDRESSES_NONE': '他のマシンから接続できるアドレスがこのノードにありません。',
  'finding.PEERS_CONNECTED': '接続中のピア: {count}、うち中継経由: {relayed}。',
  'finding.PEERS_AWAY': '他のメンバー {count} 人のうち、今届く人はいません。',
  'finding.PEERS_ALONE': 'このスペースにはこのノードしかいません。{invite} で別のマシンを招待できます。',
  'finding.SPACE_OPEN':
    'スペースは公開です。メンバーに届く人は誰でも参加して読めます。`kizuna config set admission invite` で閉じられます。',
  'finding.SPACE_CLOSED': 'スペースは閉じています。参加には招待が必要です。',
  'finding.DISK_FREE': '空き {freeBytes}。',
  'finding.STATE_WELL': '確認が必要なものはありません。',
  'finding.STATE_LOOK': '確認が必要: {words}。',
  'finding.LEAVING_LEFT':
    'このノードは離脱を指示され（{since}）、離脱しました。誰にも応答しません。再び起動するとメンバーに戻ります。',
  'finding.LEAVING_HANDS_OVER':
    'このノードは離脱を指示され（{since}）、他のメンバーに必要なものを引き渡しています。`kizuna leave --cancel` で取り消せます。',
  'finding.LEAVING_WAITS':
    'このノードは離脱を指示されました（{since}）。他のメンバーが現れると続きます。`kizuna leave --cancel` で取り消せます。',
  'finding.LEAVING_STUCK':
    'このノードは離脱を指示されましたが（{since}）、空きのあるメンバーがいないため待っています。失われるもの: {lost}、複製が減るもの: {weaker}。空きのある人を招待してください。`kizuna leave --force` ではそれらが失われます。`kizuna leave --cancel` で取り消せます。',
  'finding.DISK_WHOLE': 'このノードのチャンクはすべて無傷です。',
  'finding.DISK_DAMAGED':
    '壊れていて今取り直しているチャンク: {damaged}、ディスクが読めないチャンク: {unreadable}。',

  'finding.ALL_WELL': 'すべて正常です。',
  'finding.ALL_WELL_ALONE':
    'すべて正常ですが、このノードは一台だけなので、共有したものの複製は一つです。{invite} で別のマシンを招待できます。',
  'finding.NOTHING_BROKEN': '故障はありません。',
  'finding.COPIES_FEW_ALONE':
    'メンバーがこのノードだけなので、複製が目標より少ないものがあります: {count}。{invite} で別のマシンを招待できます。',
  'finding.COPIES_FEW_MEMBERS':
    '目標の複製数 {copies} に対してメンバーが {members} 人なので、複製が少ないものがあります: {count}。{invite} で別のマシンを招待できます。',
  'finding.COPIES_FEW': '今、複製が目標より少ないもの: {count}。空きのあるメンバーが現れ次第、増やされます。',
  'finding.COPIES_UNCOUNTED': '複製はまだ数えられていません。稼働中のノードなら数秒で数えます。',
  'finding.NEEDS_LOOK': '確認が必要: {words}。対処は {doctor} で分かります。',
  'finding.PARTS_DOWN': '動いていません: {parts}。',
  'finding.PARTS_IMPAIRED': '完全には動いていません: {parts}。',
  'finding.UNREADABLE': '届く複製が足りず、今は読めないもの: {count}。',
}
