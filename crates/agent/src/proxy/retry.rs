//! Makes nginx repeat a request once if the server dies before it has answered, and if HTTP allows the repetition. For
//! this, EB's `proxy_pass` names an upstream with a second server (see
//! `platform-templates/nginx/zz-flipless-upstream.conf`).

use std::path::{Path, PathBuf};

use anyhow::Result;
use flipless_settings::nginx::{UPSTREAM, Version, upstream_for};

use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;
use crate::proxy::syntax;

/// EB's file with `proxy_pass`.
const APPLICATION: &str = "conf.d/elasticbeanstalk/00_application.conf";

/// Returns the target of EB's own `proxy_pass`.
fn direct(port: u16) -> String {
    format!("http://127.0.0.1:{port};")
}

/// The text that replaces [`direct`]. nginx repeats a request only after an error, and not after a timeout, so that a
/// slow request does not run twice. nginx never repeats a POST, PATCH or LOCK that it has sent (`non_idempotent`).
///
/// A repeated request has two upstream times in EB's healthd log (`0.001, 0.002`). EB's health ignores that field:
/// it reads the request's own time and status (plugin.rb of its gem healthd-appstat 1.0.1).
const THROUGH_UPSTREAM: &str = "http://flipless_app; proxy_next_upstream error;";

/// Changes EB's staged `proxy_pass` to the bundle's upstream, and returns whether it did. A customised
/// `proxy_pass` stays unchanged. Without an upstream in the bundle, nothing changes.
pub fn stage(system: &System, bundle: &Path, port: u16, version: Version) -> Result<bool> {
    restore(system, PROXY_STAGING, port)?;
    let upstream = system.read_in(bundle, format!("nginx/{UPSTREAM}"))?;
    let Some(upstream) = upstream.and_then(|content| String::from_utf8(content).ok()) else {
        return Ok(false);
    };
    let application = format!("{PROXY_STAGING}/{APPLICATION}");
    let decided = user_decides(system)?;
    let direct = direct(port);
    let own = read(system, &application)?.filter(|text| is_ebs_own(text, &direct));
    let Some(own) = own.filter(|_| !decided) else {
        eprintln!(
            "flipless: proxy_pass is customised; left unchanged, so nginx does not repeat requests \
             that a crash of the server interrupts"
        );
        return Ok(false);
    };
    let upstream = upstream_for(&upstream, version);
    let path = format!("{PROXY_STAGING}/conf.d/{UPSTREAM}");
    system.write(path, upstream.as_bytes(), 0o644)?;
    system.write(
        application,
        through_upstream(&own, &direct).as_bytes(),
        0o644,
    )?;
    Ok(true)
}

/// Replaces the target only in EB's `proxy_pass`. The same address may also be in another directive, such as
/// `set`.
fn through_upstream(own: &str, direct: &str) -> String {
    let lines = own.split_inclusive('\n');
    lines
        .map(|line| match is_ebs_pass(line.trim(), direct) {
            true => line.replace(direct, THROUGH_UPSTREAM),
            false => line.to_owned(),
        })
        .collect()
}

/// Removes the upstream's file if no `proxy_pass` uses it. EB copies files to /etc/nginx and deletes nothing
/// there.
pub fn tidy(system: &System, configuration: &str) -> Result<()> {
    let application = read(system, format!("{configuration}/{APPLICATION}"))?;
    match application.is_some_and(|text| text.contains(THROUGH_UPSTREAM)) {
        true => Ok(()),
        false => system.remove(format!("{configuration}/conf.d/{UPSTREAM}")),
    }
}

/// Undoes the change of [`stage`]. Restores `proxy_pass` before it removes the upstream, so that `proxy_pass`
/// never names a missing upstream.
pub fn restore(system: &System, configuration: &str, port: u16) -> Result<()> {
    let application = format!("{configuration}/{APPLICATION}");
    if let Some(text) = read(system, &application)?
        && text.contains(THROUGH_UPSTREAM)
    {
        let own = text.replace(THROUGH_UPSTREAM, &direct(port));
        system.write(application, own.as_bytes(), 0o644)?;
    }
    system.remove(format!("{configuration}/conf.d/{UPSTREAM}"))
}

/// Returns whether the file has exactly EB's `proxy_pass`, in a place where an upstream works: nginx does not allow
/// `proxy_next_upstream` in an `if`. The file also has to set a Host header; otherwise nginx would send the upstream's
/// name as the host.
fn is_ebs_own(text: &str, direct: &str) -> bool {
    let file = syntax::parse(text);
    let all = syntax::all(&file);
    let named = |name| all.iter().filter(move |directive| directive.name() == name);
    let mut in_locations = named("location").flat_map(|location| &location.block);
    let is_in_location = in_locations.any(|directive| directive.name() == "proxy_pass");
    let host = named("proxy_set_header")
        .filter_map(|header| header.arguments().first())
        .any(|header| header.eq_ignore_ascii_case("host"));
    let lines = text.lines().filter(|line| is_ebs_pass(line.trim(), direct));
    is_in_location && host && named("proxy_pass").count() == 1 && lines.count() == 1
}

/// Returns whether the line is exactly EB's directive. Its number of spaces may vary.
fn is_ebs_pass(line: &str, direct: &str) -> bool {
    line.split_whitespace().eq(["proxy_pass", direct])
}

/// Returns whether the user has configured repetitions, in a staged file or in a file in force that stays. Checks
/// every file, because only nginx knows which files are included.
fn user_decides(system: &System) -> Result<bool> {
    let staged = files(system, PROXY_STAGING);
    let mut stays = files(system, NGINX);
    stays.retain(|file| !staged.contains(file));
    for (place, files) in [(PROXY_STAGING, staged), (NGINX, stays)] {
        for file in files {
            if read(system, Path::new(place).join(file))?.is_some_and(|text| decides(&text)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Returns the files below a folder, by their relative paths. Follows links.
fn files(system: &System, folder: &str) -> Vec<PathBuf> {
    let root = system.locate(folder);
    walkdir::WalkDir::new(&root)
        .follow_links(true)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| Some(entry.path().strip_prefix(&root).ok()?.to_owned()))
        .collect()
}

fn decides(text: &str) -> bool {
    let file = syntax::parse(text);
    let mut all = syntax::all(&file).into_iter();
    all.any(|directive| directive.name().starts_with("proxy_next_upstream"))
}

/// Reads a text file; `None` if it does not exist or is not UTF-8.
fn read(system: &System, path: impl AsRef<Path>) -> Result<Option<String>> {
    let content = system.read(path)?;
    Ok(content.and_then(|content| String::from_utf8(content).ok()))
}

#[cfg(test)]
mod tests;
