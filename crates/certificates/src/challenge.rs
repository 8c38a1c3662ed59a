//! The files of challenges, which nginx serves below `/.well-known/acme-challenge/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::crypto::ring;

use crate::files;

/// The folder of challenges in a URL (RFC 8555, section 8.3).
pub const URL_FOLDER: &str = "/.well-known/acme-challenge/";

/// The files of one call of `renew`. They are removed when this value is dropped.
pub struct Challenges {
    folder: PathBuf,
    written: Vec<PathBuf>,
}

impl Challenges {
    /// Returns a value for this folder, without any file yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.into(),
            written: Vec::new(),
        }
    }

    /// Writes a file. nginx may run as any user, so everyone may read the file.
    ///
    /// # Errors
    /// If the token does not have the form of RFC 8555, or the folder can't be written to.
    pub fn publish(&mut self, token: &str, content: &str) -> io::Result<()> {
        if !is_token(token) {
            let reason = format!("the token {token:?} is not base64url");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let path = self.folder.join(token);
        files::write(&path, content.as_bytes(), 0o644)?;
        self.written.push(path);
        Ok(())
    }
}

impl Drop for Challenges {
    fn drop(&mut self) {
        for path in &self.written {
            // A file that stays is harmless: the authority has seen its content.
            let _ = fs::remove_file(path);
        }
    }
}

/// Returns whether the token is base64url (RFC 8555, section 8.3). The token comes from the authority, and becomes a
/// file's name.
fn is_token(token: &str) -> bool {
    (1..=200).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns a random text that is a valid token; `None` if the kernel gives no random bytes.
pub fn random() -> Option<String> {
    let mut bytes = [0_u8; 16];
    let provider = ring::default_provider();
    provider.secure_random.fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_readable_for_nginx_and_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut challenges = Challenges::new(folder.path());
        challenges.publish("a-B_9", "content").unwrap();
        let path = folder.path().join("a-B_9");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
        drop(challenges);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_token_that_is_a_path_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut challenges = Challenges::new(&folder.path().join("inner"));
        for token in ["", "../x", "/etc/x", "a/b", "a.b", "a\0b", "ü"] {
            assert!(challenges.publish(token, "content").is_err(), "{token:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn random_texts_are_tokens() {
        let (one, two) = (random().unwrap(), random().unwrap());
        assert!(is_token(&one) && one.len() == 32 && one != two);
    }
}
