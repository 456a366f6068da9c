/** Pages that open from a disk in any browser: no script, nothing from the network, everything from outside escaped. */

/** A message as it is exported. */
export interface ExportedMessage {
  id: string
  author: { id: string; name: string }
  /** ISO 8601, as all dates here. */
  sentAt: string
  text: string
  editedAt?: string
  deletedAt?: string
  replyTo?: string
  attachments?: ExportedAttachment[]
  previews?: readonly { title: string; text: string; url: string }[]
  /** What it said before, oldest first. */
  earlier?: { at: string; text: string }[]
}

/** An attachment as it is exported: `file` in the folder, or why there is none. */
export interface ExportedAttachment {
  name: string
  type: string
  sizeBytes: number
  sha256?: string
  file?: string
  unavailable?: string
}

/** Shown in the page; everything else is only linked. */
const PICTURE = /\.(png|jpe?g|gif|webp|avif)$/i

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:52rem;margin:2rem auto;
padding:0 1rem}article{padding:.5rem 0;border-bottom:1px solid #8884}header b{margin-right:.5rem}time,small{color:#888}
p,del{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0;display:block}img{max-width:100%;max-height:24rem}
blockquote{border-left:3px solid #8888;margin:.25rem 0;padding-left:.75rem}nav{display:flex;gap:1rem;flex-wrap:wrap}`

/** The beginning of a page. `up` leads from the page's folder to the export's. */
export function pageHead(title: string, links: readonly { name: string; href: string }[]): string {
  const nav = links.map(({ name, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`).join('')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src file: 'self'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<nav>${nav}</nav><h1><bdi>${escapeHtml(title)}</bdi></h1>
`
}

/** The end of a page. */
export function pageFoot(links: readonly { name: string; href: string }[]): string {
  const nav = links.map(({ name, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`).join('')
  return `<nav>${nav}</nav></body></html>\n`
}

/** One message. `up` leads to the folder of the export, such as `../../`. */
export function messageHtml(message: ExportedMessage, up: string): string {
  const { author, sentAt, editedAt, deletedAt } = message
  const marks = [
    editedAt === undefined ? '' : ` <small>edited ${minuteOf(editedAt)}</small>`,
    deletedAt === undefined ? '' : ` <small>deleted ${minuteOf(deletedAt)}</small>`,
  ].join('')
  const reply =
    message.replyTo === undefined
      ? ''
      : `<small>in answer to <a href="#m${anchor(message.replyTo)}">an earlier message</a></small>`
  const body =
    deletedAt === undefined
      ? `<p dir="auto">${escapeHtml(message.text)}</p>`
      : `<del dir="auto">${escapeHtml(message.text)}</del>`
  return `<article id="m${anchor(message.id)}"><header><b><bdi>${escapeHtml(author.name)}</bdi></b><time datetime="${sentAt}">${minuteOf(sentAt)}</time>${marks}</header>
${reply}${body}${(message.previews ?? []).map(previewHtml).join('')}${(message.attachments ?? []).map((each) => attachmentHtml(each, up)).join('')}${earlierHtml(message.earlier ?? [])}</article>
`
}

/** A list of links with a note beside each. */
export function listHtml(items: readonly { name: string; href: string; note: string }[]): string {
  const lines = items.map(
    ({ name, href, note }) =>
      `<li><a href="${escapeHtml(href)}"><bdi>${escapeHtml(name)}</bdi></a> <small>${escapeHtml(note)}</small></li>`,
  )
  return `<ul>${lines.join('\n')}</ul>\n`
}

/** Text that cannot become markup, neither between tags nor in an attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** A path of the export as a link: each part on its own, so that no name changes where it leads. */
export function hrefOf(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function attachmentHtml({ name, sizeBytes, file, unavailable }: ExportedAttachment, up: string): string {
  const label = `<bdi>${escapeHtml(name)}</bdi> <small>${sizeBytes} bytes</small>`
  if (file === undefined)
    return `<p>📎 ${label} <small>not kept: ${escapeHtml(unavailable ?? 'unknown')}</small></p>`
  const href = escapeHtml(up + hrefOf(file))
  const picture = PICTURE.test(file) ? `<br><img loading="lazy" alt="" src="${href}">` : ''
  return `<p>📎 <a href="${href}">${label}</a>${picture}</p>`
}

function previewHtml({ title, text, url }: { title: string; text: string; url: string }): string {
  // Only what leads to the web is a link: `javascript:` and its like are text.
  const isLink = /^https?:\/\//i.test(url)
  const head = isLink
    ? `<a rel="noreferrer noopener" href="${escapeHtml(url)}">${escapeHtml(title === '' ? url : title)}</a>`
    : escapeHtml(title)
  return `<blockquote>${head}<p dir="auto">${escapeHtml(text)}</p></blockquote>`
}

function earlierHtml(versions: readonly { at: string; text: string }[]): string {
  if (versions.length === 0) return ''
  const items = versions.map(
    ({ at, text }) => `<small>${minuteOf(at)}</small><p dir="auto">${escapeHtml(text)}</p>`,
  )
  return `<details><summary>earlier versions</summary>${items.join('')}</details>`
}

function minuteOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}

function anchor(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9_-]/g, '_')
}
