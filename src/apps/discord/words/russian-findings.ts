import type { FindingWords } from './english-findings.ts'

/** What `doctor` and `status` find, in Russian. */
export const russianFindings: FindingWords = {
  'step.id': 'Идентификатор',
  'step.local': 'На этом узле',
  'step.manifest': 'Манифест',
  'step.providers': 'У кого есть',
  'step.connect': 'Связь',
  'step.permission': 'Право на чтение',
  'step.chunks': 'Кусочки',
  'step.integrity': 'Целость',
  'step.addresses': 'Адреса',
  'step.peers': 'Соседи',
  'step.space': 'Пространство',
  'step.disk': 'Диск',
  'step.state': 'Состояние',
  'step.leaving': 'Уход',

  'look.disk-nearly-full': 'диск почти полон',
  'look.disk-unreadable': 'диск не отвечает',
  'look.chunks-unreadable': 'диск не даёт прочесть часть кусочков',
  'look.not-listening': 'узел не принимает соединений',
  'look.repair-behind': 'починка сильно отстала',

  'finding.ID_VALID': '{id} — идентификатор содержимого.',
  'finding.MANIFEST_HERE': 'Манифест есть на этом узле.',
  'finding.MANIFEST_ELSEWHERE': 'Манифеста нет на этом узле; спрашиваем соседей.',
  'finding.MANIFEST_READ': 'Размер {sizeBytes}; кусочков: {chunks}.',
  'finding.MANIFEST_UNREADABLE': '{reason}',
  'finding.PROVIDERS_COUNTED':
    'Соседей, у которых это может быть: {candidates}; говорят, что есть: {holding}.',
  'finding.PEERS_REACHED': 'Соседей на связи: {reached} из {asked}; недоступно: {away}.',
  'finding.READ_REFUSED': 'Соседей, которые отказывают этому узлу: {count}.',
  'finding.READ_ALLOWED': 'Этому узлу никто не отказывает.',
  'finding.CHUNKS_LOST': 'Ни у кого из доступных нет кусочков: {lost} из {chunks}.',
  'finding.CHUNKS_THERE': 'Каждый кусочек можно получить.',
  'finding.CHUNKS_REBUILT': 'Каждый кусочек можно получить; восстановлено по чётности: {rebuilt}.',
  'finding.COPIES_UNREAD': 'Ни одной копии прочесть не удалось.',
  'finding.COPIES_WHOLE': 'Все кусочки, прочитанные для проверки, целы: {read}.',
  'finding.COPIES_DAMAGED':
    'Машин с испорченными или потерянными копиями: {machines}; каждый кусочек где-нибудь цел.',
  'finding.COPIES_DAMAGED_HERE':
    'Машин с испорченными или потерянными копиями: {machines}, и эта тоже; каждый кусочек где-нибудь цел.',
  'finding.COPIES_SPOILT':
    'Машин с испорченными или потерянными копиями: {machines}; кусочков без целой копии в пределах связи: {spoilt}.',
  'finding.COPIES_SPOILT_HERE':
    'Машин с испорченными или потерянными копиями: {machines}, и эта тоже; кусочков без целой копии в пределах связи: {spoilt}.',

  'finding.ADDRESSES_DIALABLE': 'Адресов этого узла, по которым до него можно дойти: {count}.',
  'finding.ADDRESSES_NONE': 'У этого узла нет адреса, по которому до него можно дойти.',
  'finding.PEERS_CONNECTED': 'Соседей на связи: {count}; через посредника: {relayed}.',
  'finding.PEERS_AWAY': 'Ни один из других участников сейчас не доступен; всего их {count}.',
  'finding.PEERS_ALONE': 'Этот узел один в своём пространстве. {invite} впустит другую машину.',
  'finding.SPACE_OPEN':
    'Пространство открыто: кто дойдёт до участника, может войти и читать. `kizuna config set admission invite` закроет его.',
  'finding.SPACE_CLOSED': 'Пространство закрыто: новым нужно приглашение.',
  'finding.DISK_FREE': 'Свободно {freeBytes}.',
  'finding.STATE_WELL': 'Ничто не требует внимания.',
  'finding.STATE_LOOK': 'Требует внимания: {words}.',
  'finding.LEAVING_LEFT':
    'Этот узел попросили уйти ({since}), и он ушёл: никому не отвечает. Запущенный снова, он снова участник.',
  'finding.LEAVING_HANDS_OVER':
    'Этот узел попросили уйти ({since}); он передаёт то, что нужно другим. `kizuna leave --cancel` отменит уход.',
  'finding.LEAVING_WAITS':
    'Этот узел попросили уйти ({since}); он продолжит, когда появится другой участник. `kizuna leave --cancel` отменит уход.',
  'finding.LEAVING_STUCK':
    'Этот узел попросили уйти ({since}). Он ждёт, потому что ни у кого нет места: потерялось бы вещей: {lost}, стало бы меньше копий у: {weaker}. Пригласите кого-нибудь с местом, иначе `kizuna leave --force` их потеряет; `kizuna leave --cancel` отменит уход.',
  'finding.DISK_WHOLE': 'Все кусочки на этом узле целы.',
  'finding.DISK_DAMAGED':
    'Испорчено кусочков, их сейчас получают заново: {damaged}; диск не может прочесть: {unreadable}.',

  'finding.ALL_WELL': 'Всё в порядке.',
  'finding.ALL_WELL_ALONE':
    'Всё в порядке, но этот узел один: у всего, чем делятся, одна копия. {invite} впустит другую машину.',
  'finding.NOTHING_BROKEN': 'Ничего не сломано.',
  'finding.COPIES_FEW_ALONE':
    'Вещей, у которых копий меньше, чем нужно: {count}, потому что этот узел — единственный участник. {invite} впустит другую машину.',
  'finding.COPIES_FEW_MEMBERS':
    'Вещей, у которых копий меньше, чем нужно: {count}, потому что участников {members}, а копий нужно {copies}. {invite} впустит другую машину.',
  'finding.COPIES_FEW':
    'Вещей, у которых пока копий меньше, чем нужно: {count}. Их станет больше, как только появятся участники с местом.',
  'finding.COPIES_UNCOUNTED': 'Копии ещё не сосчитаны; работающий узел сделает это за несколько секунд.',
  'finding.NEEDS_LOOK': 'Требует внимания: {words}. {doctor} скажет, что делать.',
  'finding.PARTS_DOWN': 'Не работает: {parts}.',
  'finding.PARTS_IMPAIRED': 'Работает не полностью: {parts}.',
  'finding.UNREADABLE': 'Вещей, которые сейчас не прочесть, потому что доступно слишком мало копий: {count}.',
}
