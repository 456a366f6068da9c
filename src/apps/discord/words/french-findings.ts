import type { FindingWords } from './english-findings.ts'

/** What `doctor` and `status` find, in French. */
export const frenchFindings: FindingWords = {
  'step.id': 'Identifiant',
  'step.local': 'Sur ce nœud',
  'step.manifest': 'Manifeste',
  'step.providers': 'Qui l’a',
  'step.connect': 'Connexion',
  'step.permission': 'Droit de lire',
  'step.chunks': 'Morceaux',
  'step.integrity': 'Intégrité',
  'step.addresses': 'Adresses',
  'step.peers': 'Pairs',
  'step.space': 'Espace',
  'step.disk': 'Disque',
  'step.state': 'État',
  'step.leaving': 'Départ',

  'look.disk-nearly-full': 'le disque est presque plein',
  'look.disk-unreadable': 'le disque ne répond pas',
  'look.chunks-unreadable': 'le disque refuse de lire des morceaux',
  'look.not-listening': 'le nœud n’écoute pas',
  'look.repair-behind': 'la réparation a beaucoup de retard',

  'finding.ID_VALID': '{id} est un identifiant de contenu.',
  'finding.MANIFEST_HERE': 'Son manifeste est sur ce nœud.',
  'finding.MANIFEST_ELSEWHERE': 'Son manifeste n’est pas sur ce nœud ; les pairs sont interrogés.',
  'finding.MANIFEST_READ': 'Taille {sizeBytes} ; morceaux : {chunks}.',
  'finding.MANIFEST_UNREADABLE': '{reason}',
  'finding.PROVIDERS_COUNTED': 'Pairs qui l’ont peut-être : {candidates} ; qui disent l’avoir : {holding}.',
  'finding.PEERS_REACHED': 'Pairs joignables : {reached} sur {asked} ; injoignables : {away}.',
  'finding.READ_REFUSED': 'Pairs qui refusent de servir ce nœud : {count}.',
  'finding.READ_ALLOWED': 'Personne ne refuse ce nœud.',
  'finding.CHUNKS_LOST': 'Chez personne de joignable : {lost} morceaux sur {chunks}.',
  'finding.CHUNKS_THERE': 'Chaque morceau est accessible.',
  'finding.CHUNKS_REBUILT': 'Chaque morceau est accessible ; reconstruits par parité : {rebuilt}.',
  'finding.COPIES_UNREAD': 'Aucune copie n’a pu être lue.',
  'finding.COPIES_WHOLE': 'Chaque morceau lu pour le vérifier est intact : {read}.',
  'finding.COPIES_DAMAGED':
    'Machines aux copies abîmées ou perdues : {machines} ; chaque morceau est intact quelque part.',
  'finding.COPIES_DAMAGED_HERE':
    'Machines aux copies abîmées ou perdues : {machines}, celle-ci aussi ; chaque morceau est intact quelque part.',
  'finding.COPIES_SPOILT':
    'Machines aux copies abîmées ou perdues : {machines} ; morceaux sans copie intacte à portée : {spoilt}.',
  'finding.COPIES_SPOILT_HERE':
    'Machines aux copies abîmées ou perdues : {machines}, celle-ci aussi ; morceaux sans copie intacte à portée : {spoilt}.',

  'finding.ADDRESSES_DIALABLE': 'Adresses de ce nœud que les autres peuvent appeler : {count}.',
  'finding.ADDRESSES_NONE': 'Ce nœud n’a aucune adresse que les autres puissent appeler.',
  'finding.PEERS_CONNECTED': 'Pairs connectés : {count} ; par un relais : {relayed}.',
  'finding.PEERS_AWAY': 'Aucun autre membre n’est joignable maintenant ; il y en a {count}.',
  'finding.PEERS_ALONE': 'Ce nœud est seul dans son espace. {invite} fait entrer une autre machine.',
  'finding.SPACE_OPEN':
    'L’espace est ouvert : qui joint un membre peut entrer et lire. `kizuna config set admission invite` le ferme.',
  'finding.SPACE_CLOSED': 'L’espace est fermé : il faut une invitation pour entrer.',
  'finding.DISK_FREE': '{freeBytes} libres.',
  'finding.STATE_WELL': 'Rien à regarder.',
  'finding.STATE_LOOK': 'À regarder : {words}.',
  'finding.LEAVING_LEFT':
    'On a demandé à ce nœud de partir ({since}), et il est parti : il ne répond à personne. Relancé, il redevient membre.',
  'finding.LEAVING_HANDS_OVER':
    'On a demandé à ce nœud de partir ({since}) ; il remet ce dont les autres ont besoin. `kizuna leave --cancel` annule le départ.',
  'finding.LEAVING_WAITS':
    'On a demandé à ce nœud de partir ({since}) ; il continue dès qu’un autre membre est là. `kizuna leave --cancel` annule le départ.',
  'finding.LEAVING_STUCK':
    'On a demandé à ce nœud de partir ({since}). Il attend, car personne n’a de place : choses qui seraient perdues : {lost}, avec moins de copies : {weaker}. Invitez quelqu’un qui a de la place, ou `kizuna leave --force` les perd ; `kizuna leave --cancel` annule le départ.',
  'finding.DISK_WHOLE': 'Chaque morceau sur ce nœud est intact.',
  'finding.DISK_DAMAGED':
    'Morceaux abîmés, récupérés en ce moment : {damaged} ; morceaux que le disque ne peut pas lire : {unreadable}.',

  'finding.ALL_WELL': 'Tout va bien.',
  'finding.ALL_WELL_ALONE':
    'Tout va bien, mais ce nœud est seul : ce qui est partagé n’a qu’une copie. {invite} fait entrer une autre machine.',
  'finding.NOTHING_BROKEN': 'Rien n’est cassé.',
  'finding.COPIES_FEW_ALONE':
    'Choses qui ont moins de copies que voulu : {count}, car ce nœud est le seul membre. {invite} fait entrer une autre machine.',
  'finding.COPIES_FEW_MEMBERS':
    'Choses qui ont moins de copies que voulu : {count}, car l’espace a {members} membres et on veut {copies} copies. {invite} fait entrer une autre machine.',
  'finding.COPIES_FEW':
    'Choses qui ont pour l’instant moins de copies que voulu : {count}. D’autres seront faites dès que des membres ont de la place.',
  'finding.COPIES_UNCOUNTED':
    'Les copies ne sont pas encore comptées ; un nœud en marche le fait en quelques secondes.',
  'finding.NEEDS_LOOK': 'À regarder : {words}. {doctor} dit quoi faire.',
  'finding.PARTS_DOWN': 'Ne marche pas : {parts}.',
  'finding.PARTS_IMPAIRED': 'Ne marche pas entièrement : {parts}.',
  'finding.UNREADABLE': 'Choses illisibles maintenant, faute de copies joignables : {count}.',
}
