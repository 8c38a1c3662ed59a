//! The account at the authority. The program stores it for later calls.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use flipless_settings::Https;
use instant_acme::{AccountCredentials, ExternalAccountKey};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;

/// The account's file in the state folder.
const FILE: &str = "account.json";
/// The file with the HMAC key, in the folder of systemd's credentials (`LoadCredential=` in systemd.exec(5)).
const CREDENTIAL: &str = "account-hmac";
/// Authorities give the key with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The content of `account.json`.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    directory: String,
    key_id: Option<String>,
    /// The account's address and private key.
    pub credentials: AccountCredentials,
}

impl Stored {
    /// Returns the content of the file for an account with these settings.
    pub fn new(settings: &Https, credentials: AccountCredentials) -> Self {
        Self {
            directory: settings.directory.clone(),
            key_id: settings.account_key_id.clone(),
            credentials,
        }
    }

    /// Returns the stored account; `None` if no account for these settings is stored. If the file is unreadable, the
    /// second value says why.
    pub fn load(folder: &Path, settings: &Https) -> (Option<Self>, Option<String>) {
        let path = folder.join(FILE);
        let content = match files::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (None, None),
            other => other,
        };
        match content.and_then(|content| Ok(serde_json::from_slice::<Self>(&content)?)) {
            Ok(stored) => (stored.fits(settings).then_some(stored), None),
            Err(error) => (
                None,
                Some(format!("{} is unreadable: {error}", path.display())),
            ),
        }
    }

    fn fits(&self, settings: &Https) -> bool {
        self.directory == settings.directory && self.key_id == settings.account_key_id
    }

    /// Stores the account.
    ///
    /// # Errors
    /// If the folder can't be written to.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE);
        let json = serde_json::to_vec(self).map_err(io::Error::from);
        let written = json.and_then(|json| files::write(&path, &json, 0o600));
        written.map_err(|error| Failure::File(path, error))
    }
}

/// Returns the key of an external account binding; `None` if the settings name no such account.
///
/// # Errors
/// If the key is missing or is not base64url.
pub fn external_key(settings: &Https) -> Result<Option<ExternalAccountKey>, Failure> {
    let Some(id) = &settings.account_key_id else {
        return Ok(None);
    };
    let folder = env::var_os("CREDENTIALS_DIRECTORY")
        .ok_or_else(|| Failure::AccountKey("systemd has set no CREDENTIALS_DIRECTORY".into()))?;
    let path = PathBuf::from(folder).join(CREDENTIAL);
    let content = files::read(&path)
        .map_err(|error| Failure::AccountKey(format!("{}: {error}", path.display())))?;
    Ok(Some(ExternalAccountKey::new(
        id.clone(),
        &decoded(&content)?,
    )))
}

fn decoded(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let key = BASE64URL.decode(content.trim_ascii());
    match key {
        Ok(key) if !key.is_empty() => Ok(key),
        // The error of the crate base64 would show a part of the key.
        _ => Err(Failure::AccountKey("it is not base64url".into())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_hmac_key_is_base64url_with_or_without_padding() {
        for text in ["_-8", "_-8=", " _-8=\n"] {
            assert_eq!(decoded(text.as_bytes()).unwrap(), [0xff, 0xef], "{text:?}");
        }
        for text in ["", "=", "/+8", "secret!"] {
            let reason = decoded(text.as_bytes()).unwrap_err().to_string();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn an_account_of_another_authority_or_key_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Https::default();
        let file = folder.path().join(FILE);
        assert!(Stored::load(folder.path(), &settings).0.is_none());
        let json = r#"{"directory": "DIR", "key_id": null, "credentials":
            {"id": "https://authority.example/1", "key_pkcs8": "AAAA", "directory": "DIR"}}"#;
        std::fs::write(&file, json.replace("DIR", &settings.directory)).unwrap();
        assert!(Stored::load(folder.path(), &settings).0.is_some());
        let moved = Https {
            directory: "https://b.example/".into(),
            ..settings.clone()
        };
        assert!(Stored::load(folder.path(), &moved).0.is_none());
        let bound = Https {
            account_key_id: Some("kid".into()),
            ..settings.clone()
        };
        assert!(Stored::load(folder.path(), &bound).0.is_none());
        std::fs::write(&file, "{").unwrap();
        let (account, fault) = Stored::load(folder.path(), &settings);
        assert!(account.is_none() && fault.unwrap().contains("unreadable"));
    }
}
