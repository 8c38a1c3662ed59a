//! Tests the bundle's nginx files with `nginx -t`, in a model of EB's configuration.

use std::io;
use std::path::Path;

use flipless_settings::nginx::{
    KEEPALIVE, KEEPALIVE_SINCE, MIN_TIMEOUT, UPSTREAM, Version, https, knows_keepalive,
    parse_version, upstream_for,
};
use flipless_settings::stock::NGINX_FILES;
use flipless_settings::{FrontMode, Settings, layout};

use super::directives;
use super::nginx_syntax::{Configuration, PIECES};
use super::outcome::Check;
use super::programs::Scratch;
use super::started::may_install;
use crate::bundle::{Bundle, Content};
use crate::tools;

mod verdict;

use verdict::{NAME, Tested, dotted};

/// The folder of the files that the agent adds to the configuration.
const OURS: &str = "nginx/";
/// The distribution's files in /etc/nginx that a bundle may include (package nginx-core of Amazon Linux 2023). One line
/// of each file is enough, because it shows in which contexts the file is allowed.
const DISTRIBUTION: [(&str, &str); 8] = [
    ("mime.types", "types { text/html html; }\n"),
    (
        "fastcgi.conf",
        "fastcgi_param QUERY_STRING $query_string;\n",
    ),
    (
        "fastcgi_params",
        "fastcgi_param QUERY_STRING $query_string;\n",
    ),
    ("scgi_params", "scgi_param QUERY_STRING $query_string;\n"),
    ("uwsgi_params", "uwsgi_param QUERY_STRING $query_string;\n"),
    ("koi-utf", "charset_map koi8-r utf-8 { C0 D18E; }\n"),
    ("koi-win", "charset_map koi8-r windows-1251 { C0 FE; }\n"),
    ("win-utf", "charset_map windows-1251 utf-8 { C0 D090; }\n"),
];

/// At most this many missing files are replaced by an empty file.
const MOST_MISSING: usize = 20;
/// Returns the name of a file in `nginx/` that the agent adds. The agent reads no other file there: the others are
/// the user's.
fn ours(name: &str) -> Option<&str> {
    let name = name.strip_prefix(OURS)?;
    [KEEPALIVE, UPSTREAM].contains(&name).then_some(name)
}

/// Tests EB's configuration with the bundle's files in it.
pub fn check(bundle: &Bundle) -> Check {
    check_by(tools::installed("nginx").as_deref(), bundle)
}

/// Does the same as [`check`], with this nginx program.
pub fn check_by(program: Option<&Path>, bundle: &Bundle) -> Check {
    let texts = || bundle.entries.iter().filter(|entry| entry.text().is_some());
    let read = |name: &str| name.starts_with(PIECES) || ours(name).is_some();
    let pieces = texts().filter(|entry| read(&entry.name)).count();
    let keepalive = texts().any(|entry| ours(&entry.name) == Some(KEEPALIVE));
    if pieces == 0 {
        return Check::of(NAME, Vec::new(), "no nginx files in the bundle");
    }
    let Some(program) = program else {
        let hint = "install nginx; on Debian: apt-get install nginx-light";
        return Check::skipped(NAME, "nginx is not installed").with_hint(hint);
    };
    let mut tested = match Model::new(program, bundle).and_then(|model| model.test()) {
        Ok(tested) => tested,
        Err(error) => return Check::skipped(NAME, format!("nginx: {error}")),
    };
    tested.pieces = pieces;
    let version = tested.version;
    match tested.judge(may_install(bundle)) {
        check if keepalive && !knows_keepalive(version) && check.ok == Some(true) => {
            let [since, here] = [KEEPALIVE_SINCE, version].map(dotted);
            let why = format!("{OURS}{KEEPALIVE} needs nginx {since}, but this is {here}");
            Check::skipped(NAME, format!("{why}; all other files are valid"))
                .with_warnings(&check.warnings)
        }
        check => check,
    }
}

/// EB's configuration with the bundle's files, in a temporary folder.
struct Model<'a> {
    program: &'a Path,
    version: Version,
    folder: Scratch,
    modules: bool,
}

impl<'a> Model<'a> {
    fn new(program: &'a Path, bundle: &Bundle) -> io::Result<Self> {
        let folder = Scratch::new()?;
        let root = folder.path().display().to_string();
        let said = folder.run(program, &["-v"])?.text;
        let version = parse_version(&said).ok_or(io::Error::other(format!(
            "cannot read the version from {said:?}"
        )))?;
        for (path, text) in NGINX_FILES.iter().chain(&DISTRIBUTION) {
            folder.write(path, &moved(text.as_bytes(), &root))?;
        }
        let has_keepalive = knows_keepalive(version) && !sets_keepalive(bundle);
        for entry in &bundle.entries {
            let piece = entry.name.strip_prefix(PIECES).filter(|_| !entry.folder);
            match (&entry.content, piece, ours(&entry.name)) {
                (Content::Text(text), Some(path), _) => folder.write(path, &moved(text, &root))?,
                // nginx must also find a file whose text `check` did not keep.
                (_, Some(path), _) => folder.write(path, b"")?,
                (Content::Text(text), _, Some(name)) if name != KEEPALIVE || has_keepalive => {
                    let text = upstream_for(&String::from_utf8_lossy(text), version);
                    folder.write(&format!("conf.d/{name}"), text.as_bytes())?;
                }
                _ => {}
            }
        }
        for (path, text) in https_pieces(bundle, version) {
            folder.write(path, text.as_bytes())?;
        }
        Ok(Self {
            program,
            version,
            folder,
            modules: directives::brings_modules(bundle),
        })
    }

    /// Tests the configuration. If it includes a file that the bundle lacks, notes the file, and tests the rest with
    /// an empty file in its place.
    fn test(&self) -> io::Result<Tested> {
        let root = self.folder.path().display().to_string();
        let file = format!("{root}/nginx.conf");
        let arguments = ["-t", "-p", &root, "-c", &file, "-e", "stderr"];
        let mut missing = Vec::new();
        loop {
            let said = self.folder.run(self.program, &arguments)?;
            let said = said.text.replace(&format!("{root}/"), "");
            let absent = missing_file(&said).filter(|_| missing.len() < MOST_MISSING);
            match absent.map(|path| self.folder.write(path, b"").map(|()| path.to_owned())) {
                Some(Ok(path)) if !missing.contains(&path) => missing.push(path),
                _ => {
                    return Ok(Tested {
                        said,
                        version: self.version,
                        pieces: 0,
                        modules: self.modules,
                        missing,
                    });
                }
            }
        }
    }
}

/// The pieces that the agent adds for `[https]`. Instead of a certificate, nginx gets `ssl_reject_handshake` (since
/// nginx 1.19.4), which refuses every handshake.
fn https_pieces(bundle: &Bundle, version: Version) -> Vec<(&'static str, String)> {
    let settings = bundle
        .get(layout::SETTINGS_FILE)
        .and_then(|entry| entry.text());
    let Some(Ok(settings)) = settings.map(Settings::from_json) else {
        return Vec::new();
    };
    if settings.https.domains.is_empty() || settings.front.mode != FrontMode::Nginx {
        return Vec::new();
    }
    let server = https::server(&settings, version, &https::Common::default());
    let lines = server.lines().map(|line| match line.trim_start() {
        shown if shown.starts_with("ssl_certificate ") => {
            "    ssl_reject_handshake on;\n".to_owned()
        }
        shown if shown.starts_with("ssl_certificate_key ") => String::new(),
        _ => format!("{line}\n"),
    });
    vec![
        (https::SERVER, lines.collect()),
        (https::LOCATIONS, https::locations(&settings)),
    ]
}

/// A file below `/etc/nginx` that nginx could not open.
fn missing_file(said: &str) -> Option<&str> {
    let (_, message) = said.split_once("[emerg] ")?;
    let (_, rest) = message.split_once("open() \"")?;
    let (path, rest) = rest.split_once('"')?;
    let absent = rest.starts_with(" failed (2:") && !path.starts_with('/');
    absent.then_some(path)
}

/// Returns whether the bundle itself sets the directive of the agent's keep-alive file. The agent then leaves out its
/// file.
fn sets_keepalive(bundle: &Bundle) -> bool {
    let configuration = Configuration::of(bundle);
    let mut directives = configuration.of_bundle();
    directives.any(|directive| directive.name() == MIN_TIMEOUT)
}

/// Changes absolute paths, so that they lead to the files in the temporary folder.
fn moved(text: &[u8], root: &str) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .replace("/etc/nginx/", &format!("{root}/"))
        .into_bytes()
}
