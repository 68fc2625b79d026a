/** Which SQLite may be used. Nothing here loads it: an old Node.js has none. */
import { UnsafeSqliteError } from '../../errors.ts'

/**
 * SQLite before 3.51.3 can corrupt a file in WAL mode that several connections write to (the WAL-reset bug; fixed also in 3.50.7 and 3.44.6;
 * 3.52.0 was withdrawn).
 * @throws UnsafeSqliteError
 */
export function checkSqlite(version: string = process.versions['sqlite'] ?? ''): void {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const number = major * 1_000_000 + minor * 1000 + patch
  const fixed =
    (number >= 3_051_003 && number !== 3_052_000) ||
    (number >= 3_050_007 && number < 3_051_000) ||
    (number >= 3_044_006 && number < 3_045_000)
  if (!fixed)
    throw new UnsafeSqliteError(
      `This Node.js (${process.version}) ${version === '' ? 'carries no SQLite' : `carries SQLite ${version}, which can corrupt a file that several connections share`}. ` +
        'Use Node.js 22.22.3 or later of 22, 24.15 or later of 24, or 25.9 or later.',
    )
}
