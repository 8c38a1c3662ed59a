//! The certificate that nginx shows: one file with the key and the chain. Only root can read the file. A new
//! certificate replaces the file only after a test, so nginx always finds a certificate that it can load.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flipless_settings::{Https, Settings, layout};

use super::{front, https, nginx};
use crate::instance::output::say;
use crate::instance::replaced::Replaced;
use crate::instance::system::System;

mod inspection;
mod own;
mod parsed;

pub use inspection::Inspection;

/// The folder of the certificate.
const FOLDER: &str = "/var/lib/flipless/https";
/// A certificate that has not passed its test yet.
const CANDIDATE: &str = "/var/lib/flipless/https/candidate.pem";
/// The configuration with which nginx tests the candidate.
const TEST: &str = "/run/flipless/certificate-test.conf";
/// The prefix of [`TEST`], and of the folders in which nginx keeps temporary files during the test.
const TEMPORARY: &str = "/run/flipless/certificate-test";
/// This file exists while nginx has not loaded the certificate on the disk.
const WAITS: &str = "/run/flipless/certificate-waits";
/// The content of [`WAITS`] while `front-check` still has to make nginx load the certificate. After an error the file
/// is empty.
const LATER: &[u8] = b"nginx is loading its configuration, or EB is about to replace it\n";
/// The file with the newest certificate, in the folder of the program for certificates.
const NEWEST: &str = "certificate.pem";

/// Makes sure that a certificate exists before nginx tests a configuration that names its file. This is the owner's own
/// certificate or the authority's. Until the authority has issued one, it is a self-signed certificate.
///
/// If nginx can load the installed certificate, and the new one differs, returns the new one: it takes effect only in
/// the flip. If nginx can't load the installed certificate, or if there is none, installs the new one at once, and
/// `replaced` remembers the old file.
pub fn prepare(
    system: &System,
    bundle: &Path,
    settings: &Settings,
    replaced: &mut Replaced,
) -> Result<Option<Vec<u8>>> {
    if !https::is_on(settings) {
        return Ok(None);
    }
    // A renewal may install a certificate at the same time.
    let _lock = front::lock(system, "stage")?;
    system.make_private_folder(FOLDER)?;
    let Some(pem) = wanted(system, bundle, &settings.https)? else {
        return Ok(None);
    };
    match system.read(layout::CERTIFICATE)? {
        Some(old) if old == pem => Ok(None),
        Some(old) if try_out(system, &old).is_ok() => Ok(Some(pem)),
        _ => replaced
            .update(system, layout::CERTIFICATE, &pem, 0o600)
            .map(|()| None),
    }
}

/// Returns the certificate of this version; `None` if the one on the disk may stay.
fn wanted(system: &System, bundle: &Path, https: &Https) -> Result<Option<Vec<u8>>> {
    if let Some(own) = own::read(system, https)? {
        try_out(system, &own)?;
        let found = parsed::parse(&own);
        let fault = found.and_then(|found| found.fault(&https.domains, now(system)));
        if let Some(fault) = fault {
            say(&format!("warning: your own certificate: {fault}"));
        }
        return Ok(Some(own));
    }
    let program = system.locate(bundle.join(layout::in_bin(layout::CERTIFICATES_BIN)));
    let now = now(system);
    let serves = |path: &str| -> Option<Inspection> {
        let found = system
            .exists(path)
            .then(|| inspect(system, &program, path))?
            .ok()?;
        found.still_serves(&https.domains, now).then_some(found)
    };
    if serves(layout::CERTIFICATE).is_some() {
        return Ok(None);
    }
    Ok(Some(match newest(system)? {
        Some(pem) if is_fine(system, &program, &pem, https)? => pem,
        _ => self_signed(system, &program, https)?,
    }))
}

fn now(system: &System) -> u64 {
    system.commands().unix_time()
}

/// Returns whether nginx may show this certificate of the authority.
fn is_fine(system: &System, program: &Path, pem: &[u8], https: &Https) -> Result<bool> {
    system.write(CANDIDATE, pem, 0o600)?;
    let fine = check(system, program, https).is_ok();
    system.remove(CANDIDATE)?;
    Ok(fine)
}

fn self_signed(system: &System, program: &Path, https: &Https) -> Result<Vec<u8>> {
    let out = system.locate(CANDIDATE).display().to_string();
    let mut arguments = vec!["self-signed", "--out", &out];
    for domain in &https.domains {
        arguments.extend(["--domain", domain]);
    }
    run(system, program, &arguments)?;
    let pem = system
        .read(CANDIDATE)?
        .context("flipless-certificates has written no self-signed certificate")?;
    system.remove(CANDIDATE)?;
    say(&format!(
        "HTTPS begins with a self-signed certificate for {}; flipless orders one from the authority after the flip",
        https.domains.join(", ")
    ));
    Ok(pem)
}

/// Installs the newest certificate of the authority, or the owner's own, and makes nginx load it. Returns whether the
/// certificate is new: `false` if nothing has changed, or if there is no certificate yet.
///
/// # Errors
/// If the certificate is not fit to be shown. The old one then stays.
pub fn install(system: &System) -> Result<bool> {
    // Takes the lock before it reads the settings, because a flip may change them while this command waits.
    let _lock = front::lock(system, "install-certificate")?;
    let settings = system.settings_in_force()?;
    if !https::is_on(&settings) {
        return Ok(false);
    }
    let own = own::read(system, &settings.https)?;
    let is_own = own.is_some();
    let Some(pem) = own.map_or_else(|| newest(system), |own| Ok(Some(own)))? else {
        return Ok(false);
    };
    if system.read(layout::CERTIFICATE)?.as_deref() == Some(&pem) {
        return load(system).map(|()| false);
    }
    system.make_private_folder(FOLDER)?;
    system.write(CANDIDATE, &pem, 0o600)?;
    let program = system.locate(layout::CERTIFICATES);
    let checked = match is_own {
        true => nginx_accepts(system),
        false => check(system, &program, &settings.https),
    };
    if let Err(error) = checked {
        system.remove(CANDIDATE)?;
        return Err(error.context("the new certificate is not used, and the old one stays"));
    }
    replace(system, CANDIDATE)?;
    load(system).map(|()| true)
}

/// Replaces the certificate by the one in `file`. If no other step makes nginx load the new certificate, `front-check`
/// does, even if this agent is killed. The caller holds the lock of the front.
pub fn replace(system: &System, file: &str) -> Result<()> {
    system.write(WAITS, LATER, 0o644)?;
    system.rename(file, layout::CERTIFICATE)
}

/// Makes nginx load the certificate on the disk, unless nginx has already loaded it.
fn load(system: &System) -> Result<()> {
    if !system.exists(WAITS) {
        return Ok(());
    }
    match front::load_certificate(system) {
        Ok(true) => system.remove(WAITS),
        Ok(false) => system.write(WAITS, LATER, 0o644),
        // An empty file: otherwise `front-check` would repeat the error every 20 s.
        Err(error) => system.write(WAITS, b"", 0o644).and(Err(error)),
    }
}

/// Makes nginx load a certificate that had to wait, for example for EB's flip. The caller holds the lock of the front.
pub fn load_waiting(system: &System) -> Result<()> {
    match system.read(WAITS)?.as_deref() {
        Some(LATER) => load(system),
        _ => Ok(()),
    }
}

/// Returns the newest certificate of the authority.
fn newest(system: &System) -> Result<Option<Vec<u8>>> {
    system.read_in(Path::new(layout::CERTIFICATES_STATE), NEWEST)
}

/// Fails if nginx can't load this certificate.
fn try_out(system: &System, pem: &[u8]) -> Result<()> {
    system.write(CANDIDATE, pem, 0o600)?;
    let accepted = nginx_accepts(system);
    system.remove(CANDIDATE)?;
    accepted
}

/// Checks the candidate: names, dates, key, and nginx itself.
fn check(system: &System, program: &Path, https: &Https) -> Result<()> {
    let found = inspect(system, program, CANDIDATE)?;
    if let Some(fault) = found.fault(&https.domains, now(system)) {
        bail!("{fault}");
    }
    nginx_accepts(system)
}

/// Fails if nginx can't load the candidate. `nginx -t` opens the listener, too, but ignores that the front already has
/// the address (ngx_open_listening_sockets). nginx also makes the folders for temporary files, and gives them to the
/// user of the tested configuration (ngx_create_paths). So the test uses folders of its own. Otherwise the front's
/// workers could no longer write request bodies to their folders.
fn nginx_accepts(system: &System) -> Result<()> {
    let port = system.settings()?.front.port;
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders.map(|kind| format!("    {kind}_temp_path {TEMPORARY}-{kind};\n"));
    let folders = folders.concat();
    let file = format!(
        "pid /dev/null;\nerror_log stderr;\nevents {{ }}\nhttp {{\n    access_log off;\n{folders}    server {{\n        \
         listen {port} ssl;\n        ssl_certificate {CANDIDATE};\n        ssl_certificate_key {CANDIDATE};\n    \
         }}\n}}\n"
    );
    system.write(TEST, file.as_bytes(), 0o600)?;
    let accepted = nginx::test_file(system, TEST);
    // Removes the configuration of the test, and the folders that nginx has made.
    for name in system.names(layout::RUNTIME)? {
        let path = format!("{}/{name}", layout::RUNTIME);
        if path.starts_with(TEMPORARY) {
            system.remove(path)?;
        }
    }
    accepted
}

/// Returns the content of the certificate that nginx shows; `None` if there is no certificate, if the owner's own
/// certificate is unreadable, or if the program for certificates is missing.
pub fn installed(system: &System) -> Result<Option<Inspection>> {
    if system.settings_in_force()?.https.certificate.is_some() {
        let own = system.read(layout::CERTIFICATE)?;
        return Ok(own.and_then(|own| parsed::parse(&own)));
    }
    let program = system.locate(layout::CERTIFICATES);
    match system.exists(layout::CERTIFICATE) && program.exists() {
        true => inspect(system, &program, layout::CERTIFICATE).map(Some),
        false => Ok(None),
    }
}

fn inspect(system: &System, program: &Path, path: &str) -> Result<Inspection> {
    let file = system.locate(path).display().to_string();
    let said = run(system, program, &["inspect", &file])?;
    serde_json::from_slice(&said).with_context(|| format!("cannot read what is in {path}"))
}

fn run(system: &System, program: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = system.run(&program.to_string_lossy(), arguments);
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!(
        "{} {} failed: {}",
        layout::CERTIFICATES_BIN,
        arguments[0],
        said.trim()
    )
}

/// Removes the certificate and its folder, because this version serves no HTTPS.
pub fn forget(system: &System) -> Result<()> {
    system.remove(FOLDER)
}
