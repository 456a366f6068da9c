/** A named line of points. */
export interface PlotLine {
  name: string
  points: readonly (readonly [x: number, y: number])[]
}

/** What stands around the lines. */
export interface PlotTitles {
  title: string
  x: string
  y: string
  /** Whether x grows by factors. @default false */
  logarithmic?: boolean
}

const WIDTH = 640
const HEIGHT = 400
const MARGIN = { left: 64, right: 24, top: 48, bottom: 56 }
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#7c3aed']
const TICKS = 5

/** Lines over two axes as an SVG; both axes are named, y begins at 0. */
export function drawLines(lines: readonly PlotLine[], titles: PlotTitles): string {
  const all = lines.flatMap(({ points }) => points)
  const scaleX = titles.logarithmic === true ? Math.log10 : (x: number) => x
  const xs = all.map(([x]) => scaleX(x))
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const top = niceCeiling(Math.max(...all.map(([, y]) => y)))
  const across = WIDTH - MARGIN.left - MARGIN.right
  const down = HEIGHT - MARGIN.top - MARGIN.bottom
  const px = (x: number) => MARGIN.left + ((scaleX(x) - left) / (right - left || 1)) * across
  const py = (y: number) => MARGIN.top + down - (y / top) * down
  const text = (x: number, y: number, words: string, more = '') =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`

  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => (top / TICKS) * n).map((y) =>
    [
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${py(y)}" y2="${py(y)}" stroke="#d4d4d8"/>`,
      text(MARGIN.left - 8, py(y) + 4, shortNumber(y), 'text-anchor="end"'),
    ].join(''),
  )
  const marks = [...new Set(all.map(([x]) => x))].map((x) =>
    text(px(x), HEIGHT - MARGIN.bottom + 20, shortNumber(x), 'text-anchor="middle"'),
  )
  const drawn = lines.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]
    const path = points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`)
    return [
      `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...path.map(
        (point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3" fill="${colour}"/>`,
      ),
      text(MARGIN.left + 12, MARGIN.top + 16 + index * 18, name, `fill="${colour}"`),
    ].join('')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<title>${titles.title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 28, titles.title, 'font-size="16" font-weight="bold"'),
    ...ticks,
    ...marks,
    ...drawn,
    text(WIDTH / 2, HEIGHT - 12, titles.x, 'text-anchor="middle"'),
    text(16, HEIGHT / 2, titles.y, `text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})"`),
    '</svg>\n',
  ].join('\n')
}

/** The next of 1, 2, 2.5 and 5 times a power of ten. */
function niceCeiling(figure: number): number {
  const power = 10 ** Math.floor(Math.log10(figure || 1))
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= figure) ?? 10) * power
}

function shortNumber(figure: number): string {
  return figure >= 1000 ? `${figure / 1000}k` : String(Number(figure.toPrecision(3)))
}
