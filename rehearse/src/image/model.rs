//! The parts that EB's platform adds to a distribution: users, folders, units and `get-config`. Further parts are the
//! certificate authority of a rehearsal of HTTPS, and placeholders for programs that a rehearsal lacks.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The script that completes the model inside the root; the path is relative to the root. A root with this script
/// contains the model.
pub const SETUP: &str = "opt/elasticbeanstalk/model/setup.sh";

struct ModelFile(&'static str, u32, &'static str);

macro_rules! model {
    ($file:literal) => {
        include_str!(concat!("../../model/", $file))
    };
}

const FILES: &[ModelFile] = &[
    ModelFile(
        "etc/systemd/system/aws-eb.target",
        0o644,
        model!("systemd/aws-eb.target"),
    ),
    ModelFile(
        "etc/systemd/system/eb-app.target",
        0o644,
        model!("systemd/eb-app.target"),
    ),
    ModelFile(
        "etc/systemd/system/cfn-hup.service",
        0o644,
        model!("systemd/cfn-hup.service"),
    ),
    ModelFile(
        "etc/systemd/system/healthd.service",
        0o644,
        model!("systemd/healthd.service"),
    ),
    ModelFile(
        "etc/systemd/system/xray.service",
        0o644,
        model!("systemd/xray.service"),
    ),
    ModelFile(
        "usr/lib/sysusers.d/elasticbeanstalk.conf",
        0o644,
        model!("sysusers.conf"),
    ),
    ModelFile(
        "opt/elasticbeanstalk/bin/get-config",
        0o755,
        model!("get-config"),
    ),
    ModelFile(
        "opt/elasticbeanstalk/model/placeholder",
        0o755,
        model!("placeholder"),
    ),
    ModelFile(
        "opt/elasticbeanstalk/model/setup-placeholders.sh",
        0o755,
        model!("setup-placeholders.sh"),
    ),
    ModelFile(
        "etc/systemd/system/model-authority.service",
        0o644,
        model!("authority/authority.service"),
    ),
    ModelFile(
        "etc/systemd/system/model-authority-door.service",
        0o644,
        model!("authority/door.service"),
    ),
    ModelFile(
        "etc/authority/pebble.json",
        0o644,
        model!("authority/pebble.json"),
    ),
    ModelFile(
        "etc/authority/door.conf",
        0o644,
        model!("authority/door.conf"),
    ),
    ModelFile(SETUP, 0o755, model!("setup.sh")),
];

/// Replaces the distribution's nginx.service. Amazon Linux has this file already.
const NGINX: ModelFile = ModelFile(
    "usr/lib/systemd/system/nginx.service",
    0o644,
    flipless_settings::stock::NGINX_SERVICE,
);

/// Returns the path, mode and text of each of the model's files. The name of a built image contains a hash of them, so
/// that a changed model gets a new image.
pub(super) fn fingerprint() -> impl Iterator<Item = String> {
    FILES
        .iter()
        .chain([&NGINX])
        .map(|ModelFile(path, mode, text)| format!("{path} {mode:o} {text}"))
}

/// Writes the model's files below `root`. The caller must then run [`SETUP`] inside `root`.
///
/// `like` is the root that identifies the distribution: `root` itself, or the lower directory of an overlay.
pub fn write(root: &Path, like: &Path) -> io::Result<()> {
    let nginx = (!is_amazon_linux(like)).then_some(&NGINX);
    for ModelFile(path, mode, text) in FILES.iter().chain(nginx) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    Ok(())
}

fn is_amazon_linux(root: &Path) -> bool {
    let release = fs::read_to_string(root.join("usr/lib/os-release")).unwrap_or_default();
    release
        .lines()
        .any(|line| line.trim_matches('"') == "ID=amzn" || line == "ID=\"amzn\"")
}
