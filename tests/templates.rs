//! The templates render. An error in a template names the file and the line.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use flipless_settings::render::{Files, platform_tree, unit_word};
use flipless_settings::{Config, layout, templates};

#[path = "templates/settings.rs"]
mod any_settings;
#[path = "templates/belongs.rs"]
mod belongs;
#[path = "templates/https.rs"]
mod https;
#[path = "templates/units.rs"]
mod units;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MODES: [&str; 3] = ["nginx", "direct", "stock"];

fn files(list: &[(&str, &str)]) -> Files {
    list.iter()
        .map(|(name, text)| (name.to_string(), text.to_string()))
        .collect()
}

fn render(list: &[(&str, &str)]) -> Result<Files, String> {
    platform_tree(&files(list), &Config::default())
}

fn real(mode: &str) -> Files {
    real_with(&Config::default().with_front_mode(Some(mode)).unwrap())
}

fn real_with(config: &Config) -> Files {
    static TEMPLATES: std::sync::OnceLock<Files> = std::sync::OnceLock::new();
    let read = || templates::read_all(&Path::new(ROOT).join("platform-templates")).unwrap();
    platform_tree(TEMPLATES.get_or_init(read), config).unwrap()
}

#[test]
fn settings_and_layout_are_there() {
    let text = "{{ app.name }} {{ front.mode }} {{ layout.listener }} {{ drain_seconds }}";
    assert_eq!(
        render(&[("a", text)]).unwrap()["a"],
        "flipless-demo nginx app 30"
    );
}

/// The library reads no settings. On the instance the unit passes them to the library as variables.
#[test]
#[cfg(feature = "server")]
fn the_library_has_the_listeners_name_and_the_defaults_of_the_settings() {
    use flipless::defaults;
    let server = Config::default().server;
    assert_eq!(defaults::LISTENER, layout::LISTENER);
    assert_eq!(defaults::PORT, server.port.number());
    assert_eq!(defaults::HEALTH_PATH, server.health_path.as_str());
    assert_eq!(
        defaults::START.as_secs(),
        u64::from(server.start_seconds.get())
    );
    let drain = Config::default().drain_seconds();
    assert_eq!(defaults::DRAIN.as_secs(), u64::from(drain));
}

#[test]
fn an_undefined_name_is_an_error_with_file_and_line() {
    let error = render(&[("systemd/x.service", "one\ntwo\n{{ server.prot }}\n")]).unwrap_err();
    assert!(
        error.starts_with("platform-templates/systemd/x.service:3: undefined"),
        "{error}"
    );
}

#[test]
fn a_syntax_error_names_file_and_line() {
    let error = render(&[("Procfile", "web: x\n{% if %}\n")]).unwrap_err();
    assert!(
        error.starts_with("platform-templates/Procfile:2: "),
        "{error}"
    );
}

#[test]
fn the_first_broken_template_in_sorted_order_is_named() {
    let error = render(&[("b", "{{ no }}"), ("a/z", "{{ no }}")]).unwrap_err();
    assert!(error.starts_with("platform-templates/a/z:1: "), "{error}");
}

#[test]
fn an_error_in_a_partial_names_the_partial_and_its_line() {
    let unit = ("a.service", "[Unit]\n{% include \"partials/outer\" %}\n");
    let outer = ("partials/outer", "x\n{% include \"partials/inner\" %}\n");
    for wrong in ["{{ server.prot }}", "{% if %}", "{{ 1 | no_such_filter }}"] {
        let inner = format!("one\ntwo\n{wrong}\n");
        let error = render(&[unit, outer, ("partials/inner", &inner)]).unwrap_err();
        assert!(
            error.starts_with("platform-templates/partials/inner:3: "),
            "{error}"
        );
    }
}

#[test]
fn a_missing_partial_is_an_error_of_the_template_that_includes_it() {
    let error = render(&[("a", "x\n{% include \"partials/no\" %}\n")]).unwrap_err();
    assert!(error.starts_with("platform-templates/a:2: "), "{error}");
    assert!(error.contains("partials/no"), "{error}");
}

#[test]
fn a_partial_is_no_file_of_the_tree() {
    let rendered = render(&[
        ("a", "{% include \"partials/b\" %}\n"),
        ("partials/b", "b\n"),
    ]);
    let rendered = rendered.unwrap();
    assert_eq!(rendered["a"], "b\n");
    assert!(!rendered.keys().any(|name| name.starts_with("partials/")));
}

#[test]
fn a_template_that_renders_to_nothing_is_left_out() {
    let stock = "{% if front.mode == \"stock\" %}\nx\n{% endif %}\n";
    let rendered = render(&[("empty", stock), ("kept", "x\n")]).unwrap();
    let names: Vec<_> = rendered.into_keys().collect();
    assert_eq!(names, [layout::SETTINGS_FILE, "kept"]);
}

#[test]
fn block_tags_leave_no_lines_and_nothing_is_escaped() {
    let text = "a\n  {% if true %}\nb & <c>\n  {% endif %}\nd\n";
    assert_eq!(
        render(&[("x.html", text)]).unwrap()["x.html"],
        "a\nb & <c>\nd\n"
    );
}

#[test]
fn dot_folders_are_read_and_paths_have_slashes() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join(".platform/hooks")).unwrap();
    fs::write(folder.path().join(".platform/hooks/a.sh"), "a").unwrap();
    fs::write(folder.path().join("Procfile"), "b").unwrap();
    let read = templates::read_all(folder.path()).unwrap();
    assert_eq!(
        read.into_keys().collect::<Vec<_>>(),
        [".platform/hooks/a.sh", "Procfile"]
    );
}

#[test]
fn a_template_that_is_not_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image"), [0xff, 0xfe]).unwrap();
    let error = templates::read_all(folder.path()).unwrap_err();
    assert!(error.contains("/image: "), "{error}");
}

#[test]
fn the_real_templates_render_in_every_front_mode() {
    for mode in MODES {
        let rendered = real(mode);
        assert!(
            rendered["Procfile"].starts_with("web: bin/flipless stand-in web"),
            "{mode}"
        );
        assert!(
            rendered.contains_key("systemd/flipless-app.socket"),
            "{mode}"
        );
        let front = rendered.contains_key("systemd/flipless-front.service");
        assert_eq!(front, mode == "nginx", "{mode}");
        for (name, text) in &rendered {
            assert!(
                text.ends_with('\n') && !text.contains('\r'),
                "{mode}: {name}"
            );
            assert!(
                !text.contains("{{") && !text.contains("{%"),
                "{mode}: {name}"
            );
        }
    }
}

#[test]
fn only_nginx_mode_retries_and_a_setting_turns_it_off() {
    let upstream = "nginx/zz-flipless-upstream.conf";
    let text = &real("nginx")[upstream];
    assert!(text.contains("    server 127.0.0.1:5000 max_fails=0 backup;\n"));
    for mode in ["direct", "stock"] {
        assert!(!real(mode).contains_key(upstream), "{mode}");
    }
    let config = Config::parse("[front]\nretry = false", Path::new("x")).unwrap();
    assert!(!real_with(&config).contains_key(upstream));
}

#[test]
fn both_hook_trees_stage_before_and_commit_after_the_flip() {
    for mode in MODES {
        let rendered = real(mode);
        for (stage, command) in [("predeploy", "stage"), ("postdeploy", "commit")] {
            for tree in ["hooks", "confighooks"] {
                let folder = format!(".platform/{tree}/{stage}/");
                let mut hooks = rendered
                    .iter()
                    .filter(|(name, _)| name.starts_with(&folder));
                let exec = format!("exec bin/flipless {command}\n");
                let found = hooks.any(|(_, text)| text.starts_with("#!") && text.ends_with(&exec));
                assert!(found, "{mode}: {folder}");
            }
        }
    }
}

/// Reads one quoted word as systemd does: systemd.service(5) "Command lines", systemd.syntax(7).
fn as_systemd_reads(word: &str) -> String {
    let inner = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
        .unwrap();
    let mut characters = inner.chars();
    let mut read = String::new();
    while let Some(character) = characters.next() {
        assert!(!character.is_control() && character != '"', "{word:?}");
        read.push(match character {
            '%' | '$' => {
                assert_eq!(characters.next(), Some(character), "{word:?}");
                character
            }
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'x' => {
                    let digits: String = characters.by_ref().take(2).collect();
                    char::from(u8::from_str_radix(&digits, 16).unwrap())
                }
                other => other,
            },
            other => other,
        });
    }
    read
}

#[test]
fn any_word_reaches_the_server_as_it_was_written() {
    let alphabet: Vec<char> = "ab\"'\\%$ \n\t\r;@-\u{1}\u{1b}\u{7f}é日#{}"
        .chars()
        .collect();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..20_000 {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize
        };
        let length = next() % 12;
        let word: String = (0..length)
            .map(|_| alphabet[next() % alphabet.len()])
            .collect();
        assert_eq!(as_systemd_reads(&unit_word(&word)), word, "{word:?}");
    }
}

/// A copy of the project that a test may break. It builds into the project's own target directory, where the
/// dependencies are already compiled.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = tempfile::tempdir().unwrap();
        let hidden = ["target", ".git"];
        let entries = walkdir::WalkDir::new(ROOT)
            .min_depth(1)
            .into_iter()
            .filter_entry(|entry| {
                entry.depth() > 1 || !hidden.contains(&entry.file_name().to_str().unwrap())
            });
        for entry in entries.map(Result::unwrap) {
            let to = copy.path().join(entry.path().strip_prefix(ROOT).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir(to).unwrap();
            } else if entry.file_type().is_file() {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        Self(copy)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn check(&self) -> Output {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args([
                "check",
                "--offline",
                "-p",
                "flipless-demo",
                "--no-default-features",
                "--features",
                "platform",
                "--lib",
            ])
            .current_dir(self.0.path())
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("FLIPLESS_CONFIG")
            .env_remove("FLIPLESS_FRONT")
            .output()
            .unwrap()
    }
}

#[test]
fn a_wrong_setting_or_template_is_a_compile_error_that_names_its_place() {
    let copy = Copy::new();
    copy.write("flipless.toml", "[front]\nmode = \"nginx\"\nprot = 80\n");
    let setting = copy.check();
    copy.write("flipless.toml", "");
    copy.write("platform-templates/Procfile", "web: x\n{{ server.prot }}\n");
    let template = copy.check();
    copy.write("platform-templates/Procfile", "web: x\n");
    let repaired = copy.check();
    for (output, expected) in [
        (&setting, "flipless.toml:3:1: "),
        (&template, "platform-templates/Procfile:2: "),
    ] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{stderr}");
        assert!(
            stderr.contains("error: ") && stderr.contains(expected),
            "{stderr}"
        );
    }
    assert!(
        repaired.status.success(),
        "{}",
        String::from_utf8_lossy(&repaired.stderr)
    );
}
