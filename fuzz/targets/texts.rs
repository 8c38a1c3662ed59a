//! Reads any bytes as the texts of a bundle. Zero bytes separate the Procfile, a hook and three files of systemd.
#![no_main]

use flipless_fuzz::bundle::{Bundle, Content, Entry};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 5] = [
    "Procfile",
    ".platform/hooks/predeploy/~flipless-stage.sh",
    "systemd/flipless-app@.service",
    "systemd/flipless-app.socket",
    "systemd/nginx.service.d/zz-flipless.conf",
];

fuzz_target!(|bytes: &[u8]| {
    let texts = bytes.splitn(NAMES.len(), |&byte| byte == 0);
    let entry = |(name, text): (&str, &[u8])| Entry {
        name: name.into(),
        utf8: true,
        mode: Some(0o100_755),
        content: Content::Text(text.into()),
        ..Entry::default()
    };
    let bundle = Bundle {
        entries: NAMES.into_iter().zip(texts).map(entry).collect(),
        ..Bundle::default()
    };
    flipless_fuzz::judge(&bundle);
});
