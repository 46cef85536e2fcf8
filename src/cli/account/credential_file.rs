//! Reads the files in which other tools store credentials: KooCLI's profiles and the credentials of the vendor's SDKs.
//! Works on text.

use secrecy::SecretString;
use serde::Deserialize;

use super::credential_chain::{AccountSettings, Found, Setting, Source};

/// Why a file is unusable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileError {
    /// Contains the position but not the text, which may be a secret.
    #[error("{file} is not JSON in KooCLI's format (line {line}, column {column})")]
    NotJson { file: String, line: usize, column: usize },
    #[error("{file} is not an INI file (line {line}, column {column})")]
    NotIni { file: String, line: usize, column: usize },
    #[error("{file} has no profile `{name}`{}", profiles_note(.known))]
    NoSuchProfile { file: String, name: String, known: Vec<String> },
    #[error(
        "the keys in {file} are encrypted, so only KooCLI can read them: `hcloud configure set --cli-auth-encrypt=false` \
         stores them in plain text"
    )]
    Encrypted { file: String },
    #[error("profile `{name}` of {file} has no keys{}: set HW_ACCESS_KEY, HW_SECRET_KEY and HW_SECURITY_TOKEN to the keys that it stands for", mode_note(.mode.as_deref()))]
    NoKeys { file: String, name: String, mode: Option<String> },
}

/// The relevant parts of `~/.hcloud/config.json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    /// `true` or `false`, possibly in quotes.
    auth_encrypt: serde_json::Value,
    current: String,
    profiles: Vec<Profile>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Profile {
    name: String,
    mode: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    security_token: String,
    region: String,
    project_id: String,
}

/// The profile with this name, or the current one. `None` if there is no current profile.
pub(super) fn profile(file: &str, text: &str, name: Option<&str>) -> Result<Option<Found>, FileError> {
    let configuration: Configuration = serde_json::from_str(text).map_err(|error| FileError::NotJson {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    let Configuration { auth_encrypt, current, profiles } = configuration;
    let wanted = name.unwrap_or(&current);
    let Some(profile) = profiles.iter().find(|profile| profile.name == wanted) else {
        let known = profiles.into_iter().map(|profile| profile.name).collect();
        let missing = |name: &str| FileError::NoSuchProfile { file: file.to_owned(), name: name.to_owned(), known };
        return name.map_or(Ok(None), |name| Err(missing(name)));
    };
    let Profile { name, mode, access_key_id, secret_access_key, security_token, region, project_id } = profile;
    if access_key_id.is_empty() && secret_access_key.is_empty() {
        return Err(FileError::NoKeys { file: file.to_owned(), name: name.clone(), mode: mode.clone() });
    }
    if is_encrypted(&auth_encrypt, access_key_id) {
        return Err(FileError::Encrypted { file: file.to_owned() });
    }
    let source = format!("profile `{name}` of {file}");
    let setting = |text: &str| text_of(text).map(|value| Setting::new(value, &source));
    let settings =
        AccountSettings { region: setting(region), project_id: setting(project_id), ..AccountSettings::default() };
    Ok(Some(Found {
        source: Source {
            name: source,
            access_key: "accessKeyId".to_owned(),
            secret_key: "secretAccessKey".to_owned(),
            security_token: "securityToken".to_owned(),
        },
        access_key: text_of(access_key_id),
        secret_key: secret_of(secret_access_key),
        security_token: secret_of(security_token),
        token: None,
        settings,
    }))
}

/// The section `[basic]`, which is for services of a project. `None` if there is none.
pub(super) fn sdk(file: &str, text: &str) -> Result<Option<Found>, FileError> {
    // A secret key may contain any character, and the SDKs do not unescape it.
    let as_it_stands = ini::ParseOption { enabled_quote: false, enabled_escape: false, ..ini::ParseOption::default() };
    let parsed = ini::Ini::load_from_str_opt(text, as_it_stands).map_err(|error| FileError::NotIni {
        file: file.to_owned(),
        line: error.line,
        column: error.col,
    })?;
    let Some(section) = parsed.section(Some("basic")) else { return Ok(None) };
    let value = |key: &str| section.get(key).and_then(text_of);
    let source = format!("[basic] of {file}");
    let setting = |key: &str| value(key).map(|value| Setting::new(value, &source));
    let settings = AccountSettings {
        project_id: setting("project_id"),
        iam_endpoint: setting("iam_endpoint"),
        ..AccountSettings::default()
    };
    Ok(Some(Found {
        source: Source {
            name: source,
            access_key: "ak".to_owned(),
            secret_key: "sk".to_owned(),
            security_token: "security_token".to_owned(),
        },
        access_key: value("ak"),
        secret_key: value("sk").map(Into::into),
        security_token: value("security_token").map(Into::into),
        token: None,
        settings,
    }))
}

/// Keys consist of letters and digits, even if an older file does not say whether they are encrypted.
fn is_encrypted(auth_encrypt: &serde_json::Value, access_key: &str) -> bool {
    match auth_encrypt {
        serde_json::Value::Bool(encrypted) => *encrypted,
        serde_json::Value::String(text) if text == "true" || text == "false" => text == "true",
        _ => !access_key.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

fn text_of(text: &(impl AsRef<str> + ?Sized)) -> Option<String> {
    Some(text.as_ref().trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn secret_of(text: &str) -> Option<SecretString> {
    text_of(text).map(Into::into)
}

fn profiles_note(known: &[String]) -> String {
    if known.is_empty() { "; it has no profiles".to_owned() } else { format!("; it has {}", known.join(", ")) }
}

fn mode_note(mode: Option<&str>) -> String {
    mode.filter(|mode| *mode != "AKSK").map(|mode| format!(" (its mode is {mode})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const CONFIGURATION: &str = r#"{
        "authEncrypt": "false", "language": "en", "current": "work",
        "profiles": [
            { "name": "work", "mode": "AKSK", "accessKeyId": "AK1", "secretAccessKey": "SK1", "region": "eu-de",
              "projectId": "", "agencyName": "" },
            { "name": "other", "mode": "AKSK", "accessKeyId": "AK2", "secretAccessKey": "SK2", "securityToken": "T2",
              "region": "cn-north-4", "projectId": "p2" },
            { "name": "half", "mode": "AKSK", "accessKeyId": "AK3" },
            { "name": "sso", "mode": "SSO", "ssoAuth": { "stsToken": {} } }
        ]
    }"#;

    /// The keys that are present in plain text.
    fn keys(found: &Found) -> Vec<&str> {
        let Found { access_key, secret_key, security_token, .. } = found;
        let secrets = [secret_key, security_token].into_iter().flatten().map(ExposeSecret::expose_secret);
        access_key.as_deref().into_iter().chain(secrets).collect()
    }

    #[test]
    fn the_current_profile_is_used_unless_another_is_named() {
        let current = profile("f", CONFIGURATION, None).expect("readable").expect("a profile");
        assert_eq!(keys(&current), ["AK1", "SK1"]);
        assert_eq!(
            (current.settings.region, current.settings.project_id),
            (Some(Setting::new("eu-de", "profile `work` of f")), None)
        );
        let other = profile("f", CONFIGURATION, Some("other")).expect("readable").expect("a profile");
        assert_eq!(keys(&other), ["AK2", "SK2", "T2"]);
        assert_eq!(other.source.name, "profile `other` of f");
        assert!(profile("f", r#"{"profiles": []}"#, None).expect("readable").is_none());
    }

    #[test]
    fn the_error_says_why_a_profile_is_unusable() {
        let error = |text: &str, name| profile("f", text, Some(name)).expect_err("an error").to_string();
        assert_eq!(error(CONFIGURATION, "x"), "f has no profile `x`; it has work, other, half, sso");
        assert!(error(CONFIGURATION, "sso").starts_with("profile `sso` of f has no keys (its mode is SSO): set"));
        assert_eq!(error("{\n  secret", "x"), "f is not JSON in KooCLI's format (line 2, column 3)");
        let half = profile("f", CONFIGURATION, Some("half")).expect("readable").expect("a profile");
        assert_eq!(
            half.credentials().expect_err("half a pair").to_string(),
            "accessKeyId is set without secretAccessKey (profile `half` of f): set both or neither"
        );
    }

    #[test]
    fn encrypted_keys_are_recognized() {
        let written = |encrypted: &str, key: &str| {
            let text = format!(
                r#"{{{encrypted}"current":"a","profiles":[{{"name":"a","accessKeyId":"{key}","secretAccessKey":"s"}}]}}"#
            );
            profile("f", &text, None).is_err_and(|error| error == FileError::Encrypted { file: "f".into() })
        };
        assert!(written(r#""authEncrypt":"true","#, "AK"));
        assert!(written(r#""authEncrypt":true,"#, "AK"));
        assert!(written("", "q83vASNFZ4k="));
        assert!(!written("", "AK"));
        assert!(!written(r#""authEncrypt":"false","#, "AK"));
    }

    #[test]
    fn the_sdks_file_is_read_without_unescaping() {
        let text = "# mine\n[basic]\nak = AK\nsk = \"a\\n#b=c;d\nproject_id=p\n\n[global]\nak = other\n";
        let found = sdk("f", text).expect("readable").expect("a section");
        assert_eq!(keys(&found), ["AK", "\"a\\n#b=c;d"]);
        assert_eq!(found.settings.project_id, Some(Setting::new("p", "[basic] of f")));
        assert!(sdk("f", "[global]\nak = x\n").expect("readable").is_none());
        assert_eq!(sdk("f", "[basic\nak").err(), Some(FileError::NotIni { file: "f".into(), line: 2, column: 3 }));
    }
}
