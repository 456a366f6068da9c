import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Low-cardinality labels only: never an id, a peer or a name. */
export type MetricLabels = Readonly<Record<string, string>>

/** Counts and measures; one per node. Names follow Prometheus (`kizuna_chunks_stored_total`). */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, labels?: MetricLabels, by?: number): void
  /** Sets a gauge. */
  set(name: string, value: number, labels?: MetricLabels): void
  /** Records a duration in seconds. */
  observeSeconds(name: string, seconds: number, labels?: MetricLabels): void
  /** Calls `read` whenever the metrics are printed, for values that are cheap to ask and dear to keep. */
  gauge(name: string, help: string, read: () => number): void
  /** The Prometheus text format. */
  print(): Promise<string>
  /** A counter's sum over all labels; 0 when it never counted. */
  total(name: string): Promise<number>
}

/** Seconds; from a local command to a long transfer. */
const BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 120]

/** Metrics of one node, in a registry of their own so that many nodes can live in one process. */
export function createMetrics(options: { processMetrics: boolean }): Metrics {
  const registry = new Registry()
  if (options.processMetrics) collectDefaultMetrics({ register: registry })
  const counters = new Map<string, Counter>()
  const gauges = new Map<string, Gauge>()
  const histograms = new Map<string, Histogram>()
  const help = (name: string) => name.replaceAll('_', ' ')
  return {
    count(name, labels = {}, by = 1) {
      let counter = counters.get(name)
      if (counter === undefined) {
        counter = new Counter({
          name,
          help: help(name),
          labelNames: Object.keys(labels),
          registers: [registry],
        })
        counters.set(name, counter)
      }
      counter.inc(labels, by)
    },
    set(name, value, labels = {}) {
      let gauge = gauges.get(name)
      if (gauge === undefined) {
        gauge = new Gauge({ name, help: help(name), labelNames: Object.keys(labels), registers: [registry] })
        gauges.set(name, gauge)
      }
      gauge.set(labels, value)
    },
    observeSeconds(name, seconds, labels = {}) {
      let histogram = histograms.get(name)
      if (histogram === undefined) {
        const labelNames = Object.keys(labels)
        histogram = new Histogram({
          name,
          help: help(name),
          labelNames,
          buckets: BUCKETS,
          registers: [registry],
        })
        histograms.set(name, histogram)
      }
      histogram.observe(labels, seconds)
    },
    gauge(name, text, read) {
      const gauge = new Gauge({
        name,
        help: text,
        registers: [registry],
        collect() {
          gauge.set(read())
        },
      })
    },
    print: () => registry.metrics(),
    async total(name) {
      const metric = await counters.get(name)?.get()
      return metric?.values.reduce((sum, entry) => sum + entry.value, 0) ?? 0
    },
  }
}
