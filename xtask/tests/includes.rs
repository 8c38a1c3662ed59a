//! `[bundle] include` in `dist --plan`: the included files, and the messages for mistakes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

/// A project's folder with some files to include.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self(folder);
        for name in [
            "web/index.html",
            "web/app.js.map",
            "web/deep/b.map",
            "notes.md",
        ] {
            let path = project.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.path().join(name)).unwrap();
    }

    fn plan(&self, bundle: &str) -> Output {
        let config = self.path().join("flipless.toml");
        fs::write(&config, format!("[bundle]\n{bundle}\n")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["dist", "--plan", "--config"])
            .arg(config)
            .output()
            .unwrap()
    }

    /// Returns the planned lines whose second word, a path, begins with `place`.
    fn planned(&self, include: &str, place: &str) -> Vec<String> {
        let output = self.plan(&format!("include = [{include}]"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().filter_map(|line| line.split("  (").next());
        let lines = lines.filter(|line| line.split(' ').nth(1).unwrap().starts_with(place));
        lines.map(str::to_owned).collect()
    }

    /// Asserts that `dist` refuses the configuration, and returns its messages.
    fn refused(&self, bundle: &str) -> String {
        let output = self.plan(bundle);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{bundle}: {said}");
        assert!(output.stdout.is_empty());
        said
    }
}

#[test]
fn globs_exclude_files() {
    let project = Project::new();
    let include = r#"{ from = "web", exclude = ["*.map"] }"#;
    assert_eq!(project.planned(include, "web"), ["0644 web/index.html"]);
    let include = r#"{ from = "web", exclude = ["/*.map", "index.html"] }"#;
    assert_eq!(project.planned(include, "web"), ["0644 web/deep/b.map"]);
    let include = r#"{ from = "web", to = "public", exclude = ["deep"], mode = "0755" }"#;
    let expected = ["0755 public/app.js.map", "0755 public/index.html"];
    assert_eq!(project.planned(include, "public"), expected);
}

#[test]
fn links_are_followed_or_kept_as_the_setting_says() {
    let project = Project::new();
    fs::create_dir(project.path().join("site")).unwrap();
    project.link("../web/deep", "site/data");
    let follow = r#"{ from = "site", symlinks = "follow" }"#;
    assert_eq!(project.planned(follow, "site"), ["0644 site/data/b.map"]);
    let keep = r#"{ from = "site", symlinks = "keep" }, "web""#;
    assert_eq!(project.planned(keep, "site"), ["0777 site/data"]);
    project.link("web", "kept");
    let root = r#"{ from = "kept", symlinks = "keep" }, "web""#;
    assert_eq!(project.planned(root, "kept"), ["0777 kept"]);
    project.link("site", "root");
    let root = r#"{ from = "root", symlinks = "follow" }"#;
    assert_eq!(project.planned(root, "root"), ["0644 root/data/b.map"]);
}

#[test]
fn a_link_is_never_silently_left_out() {
    let project = Project::new();
    project.link("index.html", "web/start");
    for include in [r#""web""#, r#"{ from = "web", symlinks = "refuse" }"#] {
        let said = project.refused(&format!("include = [{include}]"));
        assert!(said.contains("web/start is a symbolic link"), "{said}");
        assert!(said.contains("symlinks = \"follow\""), "{said}");
    }
    project.link("web", "root");
    let said = project.refused(r#"include = ["root"]"#);
    assert!(said.contains("root is a symbolic link"), "{said}");
}

#[test]
fn an_absolute_link_names_a_place_of_the_instance() {
    let project = Project::new();
    project.link("/mnt/efs", "web/media");
    let keep = r#"{ from = "web", symlinks = "keep" }"#;
    let planned = project.planned(keep, "web/media");
    assert_eq!(planned, ["0777 web/media"]);
}

#[test]
fn the_error_names_links_without_a_target() {
    let keep = r#"include = [{ from = "web", symlinks = "keep" }]"#;
    let follow = r#"include = [{ from = "web", symlinks = "follow" }]"#;
    for (target, setting, expected) in [
        ("..", follow, "loop"),
        ("no-such-file", follow, "web/x"),
        (
            "no-such-file",
            keep,
            "`no-such-file`, which is not in the bundle",
        ),
        (
            "../notes.md",
            keep,
            "`../notes.md`, which is not in the bundle",
        ),
        ("../../x", keep, "`../../x`, which is not in the bundle"),
    ] {
        let project = Project::new();
        project.link(target, "web/x");
        let said = project.refused(setting);
        assert!(said.contains(expected), "{target}: {said}");
        let other = if setting == keep {
            "symlinks = \"follow\""
        } else {
            "symlinks = \"keep\""
        };
        let hint = said.lines().find(|line| line.starts_with("hint: "));
        assert!(
            hint.is_some_and(|hint| hint.contains(other)),
            "{target}: {said}"
        );
    }
}

#[test]
fn a_name_that_no_zip_can_have_gets_its_own_message() {
    use std::os::unix::ffi::OsStrExt;
    for (name, expected) in [
        (b"caf\xe9.txt".as_slice(), "a name that is not UTF-8"),
        (b"a\\b.txt", "a `\\` in its name"),
    ] {
        let project = Project::new();
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(project.path().join("web").join(name), "").unwrap();
        let said = project.refused(r#"include = ["web"]"#);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("hint: rename the file"), "{said}");
    }
}

#[test]
fn errors_name_the_mistake_and_give_a_hint() {
    let project = Project::new();
    fs::create_dir(project.path().join("empty")).unwrap();
    for (bundle, expected) in [
        (r#"includes = ["web"]"#, "`include`"),
        (
            r#"include = [{ from = "web", exlude = ["x"] }]"#,
            "`exclude`",
        ),
        (r#"include = [{ to = "web" }]"#, "missing field `from`"),
        (r#"include = ["wbe"]"#, "the include `wbe` does not exist"),
        (
            r#"include = ["empty"]"#,
            "the include `empty` contains no files",
        ),
        (
            r#"include = [{ from = "web", exclude = ["*"] }]"#,
            "contains no files",
        ),
        (
            r#"include = [{ from = "web", exclude = ["*.mpa"] }]"#,
            "`*.mpa`, which matches nothing",
        ),
        (
            r#"include = [{ from = "web", exclude = ["web/*.map"] }]"#,
            "matches nothing",
        ),
        (
            r#"include = [{ from = "web", exclude = ["{a"] }]"#,
            "`{a`, which is not a valid glob",
        ),
        (
            r#"include = [{ from = "web", mode = "0600" }]"#,
            "`0644` or `0755`",
        ),
        (
            r#"include = [{ from = "web", mode = 0o644 }]"#,
            "flipless.toml:2:",
        ),
    ] {
        let said = project.refused(bundle);
        assert!(said.contains(expected), "{bundle}: {said}");
    }
}

#[test]
fn an_included_procfile_adds_its_processes() {
    let project = Project::new();
    let procfile = "web: bin/server\nmailer: bin/mailer --queue high\n";
    fs::write(project.path().join("Procfile"), procfile).unwrap();
    let with = "include = [\"Procfile\"]\n[processes]\nworker = \"bin/work\"";
    let output = project.plan(with);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("`web` of "), "{said}");
    let plan = String::from_utf8(output.stdout).unwrap();
    let stand_in = "web: bin/flipless stand-in web\n";
    let bytes = stand_in.len() + "worker: bin/work\nmailer: bin/mailer --queue high\n".len();
    let line = format!("0644 Procfile  (rendered from platform-templates, {bytes} B)");
    assert!(plan.contains(&line), "{plan}");
    let said = project.refused("include = [\"Procfile\"]\n[processes]\nmailer = \"x\"");
    assert!(
        said.contains("`mailer` is defined in ") && said.contains("[processes]"),
        "{said}"
    );
    fs::write(project.path().join("Procfile"), "web bin/server\n").unwrap();
    let said = project.refused("include = [\"Procfile\"]");
    assert!(
        said.contains("Procfile, line 1, is not `NAME: COMMAND`"),
        "{said}"
    );
}
