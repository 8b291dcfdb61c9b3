// Passwords, or the letters in them, that stand near the top of every list of common passwords. All have eight characters
// or more.

export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `12345678 123456789 1234567890 87654321 987654321 11111111 00000000 12341234 11223344 12344321 1q2w3e4r 1q2w3e4r5t
  1qaz2wsx qazwsxedc zaq12wsx q1w2e3r4 qwertyui qwertyuiop qwerty123 qwerty12 qwerty1234 asdfghjk asdfghjkl zxcvbnm1
  zxcvbnm123 password password1 password12 password123 passw0rd p@ssw0rd p@ssword passwort kennwort motdepasse contrasena
  administrator admin123 admin1234 adminadmin rootroot toor1234 changeme changeit letmein1 welcome1 welcome123 welcome
  iloveyou sunshine princess football baseball basketball superman batman123 starwars pokemon1 dragon12 monkey123 shadow12
  master12 michael1 jennifer jordan23 computer internet whatever trustno1 corvette mercedes liverpool arsenal1 chelsea1
  charlie1 samantha danielle victoria alexander benjamin elizabeth nicholas abcdefgh abcd1234 abc12345 a1b2c3d4 aa123456
  secret12 secret123 default1 testtest test1234 testing1 guest123 user1234 demo1234 oracle12 postgres mysql123 server12
  odoo1234 odooadmin backup12 backup123 backups1 dropbox1 onedrive googledrive summer2024 summer2025 summer2026 winter2024
  winter2025 winter2026 spring2026 autumn2026 qwertz12 qwertzuiop azertyuiop asdf1234 1234qwer 123qweasd zxcvbnm
  123123123 147258369 159753456 741852963 789456123 55555555 66666666 77777777 88888888 99999999 22222222 33333333 44444444
  lovelove iloveyou1 loveyou1 blink182 metallica nirvana1 slipknot rockstar hello123 hello1234 freedom1 cheese12 cookie12
  banana12 pepper12 ginger12 tigger12 buster12 harley12 hunter12 ranger12 thunder1 silver12 diamond1 mustang1 maverick
  phoenix1 spiderman superman1 wolverine startrek midnight babygirl angel123 lucky123 flower12 butterfly blessed1 jesus123`
    .split(/\s+/)
    .filter((word) => word !== ''),
)
