import type { Disk, DiskFile } from '../storage/disk.ts'
import { type ExportedMessage, hrefOf, listHtml, messageHtml, pageFoot, pageHead } from './export-html.ts'

/** Characters that wait before they are written. */
const WAITING_LENGTH_MAX = 256 * 1024

/** A file that is written from its beginning to its end. */
class GrowingFile {
  readonly #file: DiskFile
  #position = 0
  #waiting = ''

  constructor(file: DiskFile) {
    this.#file = file
  }

  async append(text: string): Promise<void> {
    this.#waiting += text
    if (this.#waiting.length > WAITING_LENGTH_MAX) await this.#flush()
  }

  async close(): Promise<void> {
    try {
      await this.#flush()
      await this.#file.sync()
    } finally {
      await this.#file.close()
    }
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    await this.#file.write(this.#position, bytes)
    this.#position += bytes.byteLength
  }
}

/** A channel as the export names it. */
export interface ExportedChannel {
  id: string
  name: string
  /** The channel in which it is a thread. */
  thread?: { of: string }
  /** Its folder under `messages/` and `pages/`. */
  folder: string
  messages: number
  days: { day: string; messages: number }[]
}

interface OpenDay {
  day: string
  json: GrowingFile
  html: GrowingFile
  messages: number
}

/** Writes one channel: a JSON file and a page for each day, messages in order, one day in memory at no time. */
export class ChannelFiles {
  readonly #disk: Disk
  readonly #root: string
  readonly #channel: ExportedChannel
  #open: OpenDay | undefined

  constructor(disk: Disk, root: string, channel: ExportedChannel) {
    this.#disk = disk
    this.#root = root
    this.#channel = channel
  }

  async write(message: ExportedMessage): Promise<void> {
    const day = message.sentAt.slice(0, 10)
    if (this.#open?.day !== day) await this.#begin(day)
    const open = this.#open as OpenDay
    await open.json.append(`${open.messages === 0 ? '' : ',\n'}${JSON.stringify(message)}`)
    await open.html.append(messageHtml(message, '../../'))
    open.messages++
    this.#channel.messages++
  }

  /** Ends the last day and writes the channel's list of days. */
  async finish(): Promise<void> {
    await this.#end(undefined)
    const { name, folder, days } = this.#channel
    const items = days.map(({ day, messages }) => ({ name: day, href: `${day}.html`, note: count(messages) }))
    const html = pageHead(`#${name}`, [{ name: 'all channels', href: '../../index.html' }]) + listHtml(items)
    await writeText(this.#disk, `${this.#root}/pages/${folder}/index.html`, html + pageFoot([]))
  }

  async #begin(day: string): Promise<void> {
    const before = this.#open?.day
    await this.#end(day)
    const { name, folder } = this.#channel
    const json = await create(this.#disk, `${this.#root}/messages/${folder}/${day}.json`)
    const html = await create(this.#disk, `${this.#root}/pages/${folder}/${day}.html`)
    this.#open = { day, json, html, messages: 0 }
    await json.append('[\n')
    const links = [{ name: 'all days', href: 'index.html' }]
    if (before !== undefined) links.push({ name: `← ${before}`, href: `${before}.html` })
    await html.append(pageHead(`#${name}, ${day}`, links))
  }

  async #end(next: string | undefined): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    this.#channel.days.push({ day: open.day, messages: open.messages })
    await open.json.append('\n]\n')
    await open.html.append(pageFoot(next === undefined ? [] : [{ name: `${next} →`, href: `${next}.html` }]))
    await open.json.close()
    await open.html.close()
  }
}

/** Writes what leads to everything else: a page for people and a JSON file for programs. */
export async function writeContents(
  disk: Disk,
  root: string,
  facts: {
    madeAt: string
    channels: readonly ExportedChannel[]
    messages: number
    attachments: { written: number; missing: number }
  },
): Promise<void> {
  const items = facts.channels.map(({ name, folder, messages, thread }) => ({
    name: `#${name}`,
    href: `pages/${hrefOf(folder)}/index.html`,
    note: thread === undefined ? count(messages) : `thread, ${count(messages)}`,
  }))
  const note = `<p>${count(facts.messages)} and ${facts.attachments.written} attachments, written ${facts.madeAt}. ${facts.attachments.missing} attachments could not be kept; the pages say why.</p>`
  await writeText(disk, `${root}/index.html`, pageHead('Archive', []) + note + listHtml(items) + pageFoot([]))
  const contents = { format: 'kizuna-archive-export', version: 1, ...facts }
  await writeText(disk, `${root}/archive.json`, `${JSON.stringify(contents, null, 2)}\n`)
}

async function create(disk: Disk, path: string): Promise<GrowingFile> {
  await disk.makeFolder(path.slice(0, path.lastIndexOf('/')))
  await disk.remove(path)
  return new GrowingFile(await disk.open(path, 'create'))
}

async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  await disk.makeFolder(path.slice(0, path.lastIndexOf('/')))
  await disk.writeFile(path, Buffer.from(text))
}

function count(messages: number): string {
  return messages === 1 ? '1 message' : `${messages} messages`
}
