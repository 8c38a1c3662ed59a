//! Checks the units with systemd-analyze(1), in a file tree in a temporary folder. So systemd-analyze reads no unit of
//! this machine, and finds the programs that exist only on an instance.

use std::io;
use std::path::{Path, PathBuf};

use flipless_settings::layout;

use super::syntax::{FOLDER, Unit};
use crate::bundle::Bundle;
use crate::check::outcome::Check;
use crate::check::programs::{self, Scratch};

const VERIFY: &str = "units: systemd";
const SANDBOX: &str = "units: sandbox";
/// The first version of systemd with `--root=`, `--offline=` and `--threshold=` (systemd's NEWS, 250).
const OLDEST: u32 = 250;
/// The platform's version of systemd.
const PLATFORM: u32 = 252;
/// The tree contains at most this many of the programs that the units name.
const MAX_PROGRAMS: usize = 256;
/// The folder of the units in the tree.
const UNITS: &str = "etc/systemd/system/";
/// The instance name for `%i` in a template.
const INSTANCE: &str = "check";

/// The stock nginx.service, to which the drop-in belongs. The image of `rehearse` contains the same text.
const NGINX: &str = flipless_settings::stock::NGINX_SERVICE;
/// The relevant part of the web.service that EB generates.
const WEB: &str = "[Service]\nUser=webapp\nExecStart=/bin/sh -c web\nRestart=always\n";

/// The highest allowed exposure, from 0 to 10. Each limit is a little above the exposure of the rendered unit, so that
/// the check notices missing lines.
const LIMITS: [(&str, f32); 5] = [
    (layout::APP_TEMPLATE, 2.0),
    (layout::FRONT, 2.9),
    (layout::RENEWAL, 1.5),
    (layout::NGINX, 1.0),
    (layout::WEB, 1.0),
];

/// Runs `systemd-analyze verify` and `systemd-analyze security`, if the program is installed.
pub fn check(program: Option<PathBuf>, bundle: &Bundle, units: &[Unit]) -> Vec<Check> {
    let skipped = |why: &str| {
        [VERIFY, SANDBOX]
            .map(|name| Check::skipped(name, why))
            .to_vec()
    };
    if units.is_empty() {
        return skipped("no units in the bundle");
    }
    let Some(program) = program else {
        let checks = skipped("systemd-analyze is not installed").into_iter();
        let hint = "install systemd; on Debian: apt-get install systemd";
        return checks.map(|check| check.with_hint(hint)).collect();
    };
    match Analyzer::new(program, bundle, units) {
        Ok(analyzer) => vec![analyzer.verify(units), analyzer.sandbox(units)],
        Err(why) => skipped(&why),
    }
}

struct Analyzer {
    program: PathBuf,
    version: u32,
    tree: Scratch,
}

impl Analyzer {
    fn new(program: PathBuf, bundle: &Bundle, units: &[Unit]) -> Result<Self, String> {
        let tree = tree(bundle, units).map_err(|error| error.to_string())?;
        let said = tree.run(&program, &["--version"]);
        let said = said.map_err(|error| format!("systemd-analyze: {error}"))?;
        let version = said.text.split_whitespace().nth(1).map(leading_number);
        match version.flatten() {
            Some(version) if version >= OLDEST => Ok(Self {
                program,
                version,
                tree,
            }),
            Some(version) => Err(format!(
                "this is systemd {version}, but the check needs {OLDEST}"
            )),
            None => Err("systemd-analyze does not print its version".into()),
        }
    }

    fn analyze(&self, verb: &str, arguments: &[&str]) -> io::Result<programs::Said> {
        let root = format!("--root={}", self.tree.path().display());
        let common = [verb, &root, "--no-pager"];
        self.tree.run(&self.program, &[&common, arguments].concat())
    }

    /// Runs `systemd-analyze verify`. Unknown keys do not change its exit status, so every line of output is a finding.
    fn verify(&self, units: &[Unit]) -> Check {
        let options = ["--man=no", "--generators=no", "--recursive-errors=no"];
        let names: Vec<String> = units.iter().map(|unit| instance(&unit.name)).collect();
        let names = names.iter().map(String::as_str);
        let arguments: Vec<&str> = options.into_iter().chain(names).collect();
        let said = match self.analyze("verify", &arguments) {
            Ok(said) => said,
            Err(error) => return Check::of(VERIFY, vec![error.to_string()], ""),
        };
        let place = format!("{}/{UNITS}", self.tree.path().display());
        let lines = said.text.lines().filter(|line| !line.trim().is_empty());
        let mut findings: Vec<String> = lines.map(|line| line.replace(&place, FOLDER)).collect();
        if findings.is_empty() && !said.success {
            findings.push("`systemd-analyze verify` failed without a message".into());
        }
        Check::of(VERIFY, findings, format!("no findings, {}", self.shown()))
    }

    fn sandbox(&self, units: &[Unit]) -> Check {
        let (mut findings, mut scores) = (Vec::new(), Vec::new());
        let has = |name: &str| units.iter().any(|unit| unit.name == name);
        for (name, limit) in LIMITS.into_iter().filter(|(name, _)| has(name)) {
            let name = instance(name);
            match self.exposure(&name, limit) {
                Ok(score) => scores.push(format!("{name} {score}")),
                Err(finding) => findings.push(finding),
            }
        }
        let fine = format!("{}, {}", scores.join(", "), self.shown());
        Check::of(SANDBOX, findings, fine)
            .with_hint("`systemd-analyze security --offline=true FILE` lists the missing lines")
    }

    /// Returns the exposure of a unit, or a finding if the exposure is above the limit.
    fn exposure(&self, unit: &str, limit: f32) -> Result<String, String> {
        // The threshold is in tenths.
        let threshold = format!("--threshold={:.0}", limit * 10.0);
        let said = self.analyze("security", &["--offline=true", &threshold, unit]);
        let said = said.map_err(|error| format!("{unit}: {error}"))?;
        let Some(score) = exposure_in(&said.text) else {
            return Err(format!("{unit} has no score: {}", said.text.trim()));
        };
        match said.success {
            true => Ok(score.into()),
            false => Err(format!(
                "{unit} has exposure {score}, but at most {limit} is allowed"
            )),
        }
    }

    fn shown(&self) -> String {
        match self.version {
            PLATFORM => format!("systemd {PLATFORM}"),
            version => format!("systemd {version}; the platform has {PLATFORM}"),
        }
    }
}

/// The number in `Overall exposure level for UNIT: 1.2 OK`.
fn exposure_in(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .rfind(|line| line.contains("Overall exposure"))?;
    line.rsplit_once(": ")?.1.split_whitespace().next()
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().ok()
}

fn instance(name: &str) -> String {
    name.replace("@.", &format!("@{INSTANCE}."))
}

/// Writes the tree: the bundle's units, the two units of EB to which drop-ins belong, and the programs that the units
/// name.
fn tree(bundle: &Bundle, units: &[Unit]) -> io::Result<Scratch> {
    let tree = Scratch::new()?;
    tree.write(&format!("{UNITS}{}", layout::NGINX), NGINX.as_bytes())?;
    tree.write(&format!("{UNITS}{}", layout::WEB), WEB.as_bytes())?;
    for entry in &bundle.entries {
        if let (Some(name), Some(text)) = (entry.name.strip_prefix(FOLDER), entry.text()) {
            tree.write(&format!("{UNITS}{name}"), text)?;
        }
    }
    let named = units.iter().flat_map(|unit| &unit.directives);
    let named = named.filter(|directive| directive.key.starts_with("Exec"));
    let named = named.filter_map(|directive| program(&directive.value));
    let own = ["/bin/sh", "/usr/bin/rm", "/usr/sbin/nginx"];
    for program in own.into_iter().chain(named.take(MAX_PROGRAMS)) {
        let program = program.replace("%i", INSTANCE);
        if let Ok(relative) = Path::new(&program).strip_prefix("/") {
            // A path that can't be made in the tree can't exist on an instance either. systemd-analyze then reports
            // that the program is missing.
            tree.write_program(&relative.to_string_lossy()).ok();
        }
    }
    Ok(tree)
}

/// Returns the program's path in a command line, without special prefixes (systemd.service(5)).
fn program(command: &str) -> Option<&str> {
    let path = command.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    path.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_scores_are_read_from_what_systemd_writes() {
        for (text, expected) in [("252", 252), ("257~rc2", 257), ("250.3-1", 250)] {
            assert_eq!(leading_number(text), Some(expected));
        }
        let text = "...\n\n→ Overall exposure level for web.service: 0.5 SAFE 😀\n";
        assert_eq!(exposure_in(text), Some("0.5"));
    }
}
