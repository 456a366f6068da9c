/** A number, a name, or several; sizes are numbers of bytes under names that end in `Bytes`, moments ISO 8601. */
export type FindingFact = string | number | readonly string[]

/** Something that was found about a node or a content: for programs as a code with facts, for people as a sentence. */
export interface Finding<Code extends string = string> {
  /** Stable, such as `PEERS_ALONE`; apps say it in other languages by this. */
  code: Code
  facts: Readonly<Record<string, FindingFact>>
  /** One sentence in English with the facts. */
  finding: string
}

/** Code → sentence: `{name}` is a fact, `{name|thing has|things have}` goes by whether that number is 1. */
export type FindingSentences = Readonly<Record<string, string>>

/** The names of the facts in a sentence. */
type FactName<Sentence extends string> = Sentence extends `${string}{${infer Slot}}${infer Rest}`
  ? (Slot extends `${infer Name}|${string}` ? Name : Slot) | FactName<Rest>
  : never

/** A sentence needs all its facts; more may be added for those who say it otherwise. */
type FactsOf<Sentence extends string> = [FactName<Sentence>] extends [never]
  ? [facts?: Readonly<Record<string, FindingFact>>]
  : [facts: Readonly<Record<FactName<Sentence>, FindingFact> & Record<string, FindingFact>>]

const SLOT = /\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g

/** Makes findings with the sentences of a table. */
export function findingsWith<Sentences extends FindingSentences>(sentences: Sentences) {
  return <Code extends keyof Sentences & string>(
    code: Code,
    ...[facts = {}]: FactsOf<Sentences[Code]>
  ): Finding<Code> => ({ code, facts, finding: fillIn(sentences[code] ?? '', facts) })
}

/** The names of the facts that a sentence needs, each once. */
export function factNames(sentence: string): string[] {
  return [...new Set([...sentence.matchAll(SLOT)].map(([, name = '']) => name))]
}

function fillIn(sentence: string, facts: Readonly<Record<string, FindingFact>>): string {
  return sentence.replaceAll(SLOT, (whole, name: string, one?: string, many?: string) => {
    const fact = Object.hasOwn(facts, name) ? facts[name] : undefined
    if (fact === undefined) return whole
    if (one !== undefined && many !== undefined) return fact === 1 ? one : many
    return Array.isArray(fact) ? fact.join(', ') : String(fact)
  })
}
