//! A model of the program for certificates. In the model, a certificate is the JSON object that `inspect` prints.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use super::{Model, answer};

/// The model's time at the boot.
pub const NOW: i64 = 1_800_000_000;
/// nginx can't load a certificate with this text.
pub const BROKEN: &str = "broken";

/// Returns a certificate for these names, as an authority issues it now for `days` days.
pub fn of_authority(names: &[&str], days: i64) -> String {
    certificate(names, days, false)
}

fn certificate(names: &[&str], days: i64, self_signed: bool) -> String {
    let issuer = if self_signed { "CN=self" } else { "CN=R1" };
    json!({
        "names": names, "not_before": NOW, "not_after": NOW + days * 86_400, "issuer": issuer,
        "self_signed": self_signed, "key_matches": true,
    })
    .to_string()
}

impl Model {
    pub(super) fn certificates(&self, arguments: &[&str]) -> Output {
        match arguments {
            ["inspect", file] => match std::fs::read_to_string(file) {
                Ok(text) if text.starts_with('{') => answer(true, &text, ""),
                _ => answer(false, "", "not PEM"),
            },
            ["self-signed", "--out", file, domains @ ..] => {
                let names: Vec<_> = domains
                    .iter()
                    .copied()
                    .filter(|word| *word != "--domain")
                    .collect();
                std::fs::write(file, certificate(&names, 90, true)).unwrap();
                answer(true, "", "")
            }
            other => panic!("unexpected call {other:?}"),
        }
    }

    /// Tests a configuration that names a certificate, as nginx does.
    pub(super) fn tested_with(&self, file: &Path, root: &Path) -> Output {
        let text = std::fs::read_to_string(file).unwrap();
        // nginx makes these folders, and gives them to the user of this configuration (ngx_create_paths).
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let (_, rest) = text.split_once(&format!("{kind}_temp_path ")).unwrap();
            let (path, _) = rest.split_once(';').unwrap();
            let _ = std::fs::create_dir(root.join(&path[1..]));
        }
        let (_, rest) = text.split_once("ssl_certificate ").unwrap();
        let (path, _) = rest.split_once(';').unwrap();
        let certificate = std::fs::read_to_string(root.join(&path[1..])).unwrap();
        match certificate.contains(BROKEN) {
            true => answer(false, "", "cannot load certificate"),
            false => answer(true, "", ""),
        }
    }
}
