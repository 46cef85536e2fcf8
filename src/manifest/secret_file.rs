//! Recognizes files that look like secrets, which should rarely be deployed.

use std::path::Path;

/// Names of private keys and of password files.
const NAMES: [&str; 9] =
    ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pgpass", ".htpasswd", ".git-credentials", ".npmrc"];
/// Extensions of key files.
const KEYS: [&str; 7] = ["key", "p12", "pfx", "jks", "keystore", "ppk", "kdbx"];
/// Files such as `.env.example` list variables without their values.
const TEMPLATES: [&str; 4] = ["example", "sample", "template", "dist"];
/// In these languages, `credentials` is a program that handles credentials, which many libraries contain.
const SOURCES: [&str; 14] =
    ["py", "pyi", "js", "mjs", "cjs", "ts", "map", "java", "class", "go", "rb", "php", "md", "html"];

/// The number of bytes at the start of a file that are enough to recognize it.
pub(super) const BEGINNING: usize = 4096;

/// Whether a file looks like a secret, judging by its path and its start.
pub(super) fn looks_secret(path: &str, beginning: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let extension = Path::new(&name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let text = String::from_utf8_lossy(beginning);
    let is_environment =
        name == ".env" || name.starts_with(".env.") && !TEMPLATES.contains(&extension) || extension == "env";
    let is_credentials = name.starts_with("credentials") && !SOURCES.contains(&extension);
    // Certificates are public, and many libraries include some.
    let is_pem = extension == "pem" && !text.contains("-----BEGIN CERTIFICATE-----");
    NAMES.contains(&name.as_str())
        || KEYS.contains(&extension)
        || is_environment
        || is_credentials
        || is_pem
        || has_private_key(&text)
}

/// Programs that handle keys contain such lines too, but not at the start of a line.
fn has_private_key(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with("PRIVATE KEY-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognized_by_name_and_content() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMII";
        let key = "# mine\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3B";
        for (path, content, is_secret) in [
            (".env", "", true),
            ("config/.env.production", "", true),
            ("prod.env", "", true),
            (".env.example", "", false),
            ("credentials", "", true),
            ("aws/Credentials.json", "", true),
            ("botocore/credentials.py", "", false),
            ("server.pem", "", true),
            ("certifi/cacert.pem", certificate, false),
            ("both.pem", &format!("{certificate}\n{key}"), true),
            ("id_rsa", "", true),
            ("id_rsa.pub", "", false),
            ("tls.key", "", true),
            ("keys.py", "", false),
            ("notes.txt", key, true),
            ("check.py", "if text == '-----BEGIN PRIVATE KEY-----':", false),
            ("index.py", "", false),
        ] {
            assert_eq!(looks_secret(path, content.as_bytes()), is_secret, "{path}");
        }
    }
}
