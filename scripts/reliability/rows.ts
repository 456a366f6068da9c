/**
 * The rows of the reliability table and what each is about. The words of a row that has run are its own program's
 * (`test/reliability/r-*.ts`); these here stand in the table until then.
 */
export const RELIABILITY_ROWS: Readonly<Record<string, string>> = {
  'R-01': 'kill -9 and power cut during writes',
  'R-02': 'bit rot',
  'R-03': 'disk full and I/O errors',
  'R-04': 'corrupted and malicious answers',
  'R-05': 'slow loris and half-open connections',
  'R-06': 'oversize and length lies',
  'R-07': 'DHT poisoning, eclipse, Sybil',
  'R-08': 'partition and heal',
  'R-09': 'churn',
  'R-10': 'clock skew',
  'R-11': 'fuzzing of every parser',
  'R-13': 'memory bound',
  'R-14': 'path traversal',
  'R-15': 'authorisation on the control API',
  'R-16': 'secrets in logs',
  'R-17': 'deterministic simulation',
  'R-18': 'reference model',
  'R-19': 'safety of the garbage collector',
  'R-20': 'durability calibration',
  'R-23': 'invites and membership',
  'R-24': 'relay path',
  'R-25': 'honesty of audits',
}
