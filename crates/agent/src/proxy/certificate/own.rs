//! The owner's own certificate, from the files that `[https]` `certificate` and `key` name.

use anyhow::Result;
use flipless_settings::Https;

use crate::instance::system::System;
use crate::proxy::advice::Advice;

/// Returns the key and the chain in one text; `None` if the settings name no certificate of the owner.
pub fn read(system: &System, https: &Https) -> Result<Option<Vec<u8>>> {
    let (Some(certificate), Some(key)) = (&https.certificate, &https.key) else {
        return Ok(None);
    };
    let mut pem = file(system, key, "key")?;
    pem.push(b'\n');
    pem.extend(file(system, certificate, "certificate")?);
    Ok(Some(pem))
}

fn file(system: &System, path: &str, setting: &str) -> Result<Vec<u8>> {
    let why = match system.read(path) {
        Ok(Some(content)) => return Ok(content),
        Ok(None) => "it does not exist".to_owned(),
        Err(error) => error.root_cause().to_string(),
    };
    Err(Advice {
        reason: format!("cannot read {path}, which [https] {setting} names: {why}"),
        hint: "create the file before flipless's predeploy hook runs, with a hook or with .ebextensions".into(),
    }
    .into())
}
