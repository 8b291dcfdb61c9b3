// The environment for the processes of a benchmark: without what configures the program or leads elsewhere, because a
// developer's cluster, database or proxy is no place to measure.

const CONFIGURING =
  /^(https?_proxy|no_proxy|TEMPORAL_(?!CLI$)\w+|(GOOGLE|DROPBOX|MICROSOFT|RCLONE)_\w+|(ARCHIVE_)?TASK_QUEUE|DATA_DIR|BACKUP_ROOT|SECRET_KEY_FILE|DATABASE_URL|HOST|PORT|API_TOKEN|LOG_LEVEL|UPLOADS_PER_ACCOUNT|UPLOAD_SLOTS)$/i

export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !CONFIGURING.test(name)))
}
