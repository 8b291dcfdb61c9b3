// The state of one destination as the API shows it before anything has happened; also what is shown until it is known.

import type { ApiState } from './api.ts'

export function stateOf(known: Partial<ApiState>): ApiState {
  return {
    ...{ account: 'Dropbox', provider: 'dropbox', binding_id: '', status: 'pending', error: null },
    ...{ remote_path: null, remote_id: null, size: null, bytes_sent: 0, hash: null },
    ...{ attempt: 0, started_at: null, finished_at: null, retention: null },
    ...known,
  }
}
