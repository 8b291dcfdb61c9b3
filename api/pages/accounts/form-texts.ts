// The texts of the form of a cloud account: labels, hints, and the steps that lead to each value at its provider.

const PATH_STEP = 'It is made when it is missing. Left empty: the root.'

export const accountFormTexts = {
  google_drive: {
    json: 'Credentials JSON',
    jsonHint: 'Paste the key file of the service account, or drop the file on the field.',
    jsonFile: 'Choose the key file',
    tooLarge: 'This file is too large for a key file: choose the JSON file of the key.',
    noJson: 'This file is not JSON: choose the JSON file of the key.',
    jsonSteps: [
      'In the Google Cloud console, choose a project and enable the “Google Drive API”.',
      'IAM & Admin → Service accounts → Create service account. It needs no role.',
      'Open it → Keys → Add key → Create new key → JSON. The file that is downloaded goes here.',
      'It contains a private key: it is stored encrypted and never shown again.',
    ],
    folder: 'Folder ID',
    folderHint: 'The ID, or the whole address of the folder as the browser shows it.',
    folderSteps: [
      'A service account has no storage of its own: make the folder in a shared drive.',
      'Share the folder (or the drive) with the e-mail address of the service account, as “Content manager”; as “Manager” when old copies are to be deleted for good and not moved to the trash.',
      'Open the folder and copy its address.',
    ],
    subject: 'Act for user (optional)',
    subjectHint: 'Only with domain-wide delegation: files then belong to this user.',
    subjectSteps: [
      'In the Admin console → Security → API controls → Domain-wide delegation, allow the client ID of the service account the scope https://www.googleapis.com/auth/drive.',
    ],
    email: 'Share the folder with',
  },
  dropbox: {
    kind: 'Kind of access',
    kinds: [
      { value: 'refresh_token', label: 'Refresh token (lasting)' },
      { value: 'access_token', label: 'Access token (about 4 hours, for a trial)' },
    ],
    kindSteps: [
      'dropbox.com/developers → App console → Create app → Scoped access → App folder.',
      'Permissions: account_info.read, files.metadata.read, files.content.read, files.content.write → Submit.',
    ],
    refreshToken: 'Refresh token',
    appKey: 'App key',
    appSecret: 'App secret (not with PKCE)',
    keySteps: [
      'App key and app secret stand on the Settings tab of the app.',
      'Open https://www.dropbox.com/oauth2/authorize?client_id=APP_KEY&response_type=code&token_access_type=offline, allow the access, and exchange the code at https://api.dropboxapi.com/oauth2/token for a refresh token.',
    ],
    accessToken: 'Access token',
    accessHint: 'Only when that kind of access is chosen.',
    accessSteps: ['Settings tab → Generated access token → Generate. It expires after about 4 hours.'],
    pathSteps: [`A folder in the app folder. ${PATH_STEP}`],
  },
  onedrive: {
    tenant: 'Tenant ID',
    tenantSteps: [
      'Microsoft Entra admin center → App registrations → New registration, without a redirect URI.',
      'On its overview: Directory (tenant) ID and Application (client) ID.',
    ],
    client: 'Client ID',
    secret: 'Client secret',
    secretSteps: [
      'Certificates & secrets → New client secret. Copy the value (not the secret ID) at once.',
      'API permissions → Microsoft Graph → Application permissions → Files.ReadWrite.All → Grant admin consent.',
    ],
    driveKind: 'Target',
    driveKinds: [
      { value: 'user', label: 'OneDrive of a user' },
      { value: 'site_id', label: 'SharePoint site' },
      { value: 'drive_id', label: 'Drive by its ID' },
    ],
    drive: 'Target drive',
    driveHint: 'The e-mail address of the user, or the ID of the site or drive.',
    driveSteps: ['An application has no drive of its own: say whose drive takes the backups.'],
    pathSteps: [`A folder of that drive. ${PATH_STEP}`],
  },
  shared: {
    name: 'Account name',
    path: 'Remote path (optional)',
    pathHint:
      'Every binding adds a folder of its own below, /odoo-backups/{instance_slug}/ unless you change it: leave /odoo-backups/ out here.',
    together: 'Enter this as well: the credentials are replaced all together.',
    enterAgain: 'Enter it again: a secret is never sent back.',
  },
  examples: {
    google_drive: 'For example: Drive EU',
    dropbox: 'For example: Dropbox Team',
    onedrive: 'For example: OneDrive Finance',
  },
  /** For credentials that are stored already. */
  keep: {
    google_drive:
      'The stored key file is never shown. Credentials JSON left empty: it stays. A new one replaces it.',
    dropbox:
      'The stored credentials are never shown. All their fields left empty: they stay. To replace them, fill in all fields of one kind of access.',
    onedrive:
      'Tenant ID, client ID and client secret are stored together and never shown. All three left empty: they stay. To replace them, fill in all three together.',
  },
} as const
