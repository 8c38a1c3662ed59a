//! The bundle, built by `cargo xtask dist` and taken apart by other tools.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use flipless_testing::programs::workspace;

use serde_json::Value;

#[path = "bundle/readers.rs"]
mod readers;
#[path = "bundle/sbom.rs"]
mod sbom;

/// The files of the default configuration, with their permissions in the form of `unzip -Z`.
const ENTRIES: [(&str, &str); 26] = [
    (".ebextensions/flipless.config", "-rw-r--r--"),
    (
        ".platform/confighooks/postdeploy/!flipless-commit.sh",
        "-rwxr-xr-x",
    ),
    (
        ".platform/confighooks/postdeploy/~flipless-settle.sh",
        "-rwxr-xr-x",
    ),
    (
        ".platform/confighooks/predeploy/~flipless-stage.sh",
        "-rwxr-xr-x",
    ),
    (
        ".platform/hooks/postdeploy/!flipless-commit.sh",
        "-rwxr-xr-x",
    ),
    (
        ".platform/hooks/postdeploy/~flipless-settle.sh",
        "-rwxr-xr-x",
    ),
    (".platform/hooks/predeploy/~flipless-stage.sh", "-rwxr-xr-x"),
    ("Procfile", "-rw-r--r--"),
    ("bin/flipless", "-rwxr-xr-x"),
    ("bin/server", "-rwxr-xr-x"),
    ("flipless.json", "-rw-r--r--"),
    ("nginx/zz-flipless-keepalive.conf", "-rw-r--r--"),
    ("nginx/zz-flipless-upstream.conf", "-rw-r--r--"),
    ("systemd/flipless-app.socket", "-rw-r--r--"),
    ("systemd/flipless-app@.service", "-rw-r--r--"),
    ("systemd/flipless-deadman.service", "-rw-r--r--"),
    ("systemd/flipless-deadman.timer", "-rw-r--r--"),
    ("systemd/flipless-front.service", "-rw-r--r--"),
    ("systemd/flipless-front.socket", "-rw-r--r--"),
    ("systemd/flipless-gate.service", "-rw-r--r--"),
    ("systemd/flipless-identity.service", "-rw-r--r--"),
    ("systemd/flipless-listeners.service", "-rw-r--r--"),
    ("systemd/flipless-listeners.timer", "-rw-r--r--"),
    ("systemd/flipless-recover.service", "-rw-r--r--"),
    ("systemd/nginx.service.d/zz-flipless.conf", "-rw-r--r--"),
    ("systemd/web.service.d/zz-flipless.conf", "-rw-r--r--"),
];

/// Runs xtask after a `prelude`: shell commands that simulate another machine, for example its umask and time zone.
fn xtask(arguments: &[&str], out: &Path, prelude: &str) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{prelude}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .arg("--out")
        .arg(out)
        .current_dir(workspace())
        .output()
        .unwrap()
}

fn dist(arguments: &[&str], out: &Path) -> Output {
    xtask(&[&["dist"], arguments].concat(), out, "true")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that `dist` fails, and that only the old zip is left. Returns the messages.
fn refused(arguments: &[&str]) -> String {
    let out = tempfile::tempdir().unwrap();
    let old = out.path().join("flipless-demo-0.1.0-x86_64.zip");
    fs::write(&old, "the old one").unwrap();
    let output = dist(arguments, out.path());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_to_string(&old).unwrap(), "the old one");
    assert_eq!(
        fs::read_dir(out.path()).unwrap().count(),
        1,
        "nothing half written stays"
    );
    said(&output)
}

struct Bundle {
    folder: PathBuf,
    zip: PathBuf,
}

/// Returns one bundle, built once for all tests.
fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        // A static is never dropped, so a temporary folder would remain. This folder is in the target directory, and
        // the next test run empties it.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bundle");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let output = xtask(&["dist"], &folder, &as_in_a_hook());
        assert!(output.status.success(), "{}", said(&output));
        let zip = folder.join("flipless-demo-0.1.0-x86_64.zip");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            printed,
            format!("{}\n", zip.display()),
            "standard output is the path alone"
        );
        let mut unzip = Command::new("unzip");
        unzip
            .arg("-q")
            .arg(&zip)
            .arg("-d")
            .arg(folder.join("content"));
        let status = unzip
            .status()
            .expect("unzip is needed: `apt-get install unzip`");
        assert!(status.success());
        Bundle { zip, folder }
    })
}

/// Returns the commands that set the environment of a hook in another repository (githooks(5)).
fn as_in_a_hook() -> String {
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    let _ = fs::remove_dir_all(&other);
    fs::create_dir_all(&other).unwrap();
    git(&other, &["init", "--quiet"]).unwrap();
    let commit = ["commit", "--quiet", "--allow-empty", "--message=other"];
    let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    git(&other, &[&author[..], &commit].concat()).unwrap();
    let folder = other.join(".git");
    let folder = folder.display();
    format!("export GIT_DIR='{folder}' GIT_INDEX_FILE='{folder}/index'")
}

/// Runs git in this folder, even if the tests themselves run in a hook.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(arguments);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        git.env_remove(name);
    }
    let output = git.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| said.trim().to_owned())
}

impl Bundle {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join("content").join(name)
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.zip.with_extension("json")).unwrap()).unwrap()
    }
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_zip_contains_exactly_the_expected_files_with_their_permissions() {
    let zip = bundle().zip.to_str().unwrap();
    let listing = run("unzip", &["-Z", zip], Path::new("/"));
    let lines = listing
        .lines()
        .filter(|line| line.starts_with(['-', 'd', 'l']));
    let entries: Vec<(&str, &str)> = lines
        .map(|line| {
            (
                line.split_whitespace().last().unwrap(),
                line.split(' ').next().unwrap(),
            )
        })
        .collect();
    assert_eq!(entries, ENTRIES);
}

#[test]
fn the_procfile_starts_the_stand_in_as_web() {
    let procfile = fs::read_to_string(bundle().file("Procfile")).unwrap();
    assert_eq!(procfile, "web: bin/flipless stand-in web\n");
}

#[test]
fn the_checksum_file_is_for_sha256sum() {
    let folder = bundle().folder.as_path();
    let checked = run(
        "sha256sum",
        &["-c", "flipless-demo-0.1.0-x86_64.zip.sha256"],
        folder,
    );
    assert_eq!(checked, "flipless-demo-0.1.0-x86_64.zip: OK\n");
}

#[test]
fn the_commit_is_the_project_s_even_in_a_git_hook_of_another_repository() {
    let project = workspace();
    // There is no commit if the sources were unpacked from an archive.
    let commit = git(project, &["rev-parse", "--verify", "HEAD"]);
    let named = &bundle().manifest()["git"]["commit"];
    assert_eq!(named.as_str(), commit.as_deref());
}

#[test]
fn the_manifest_describes_the_files() {
    let bundle = bundle();
    let manifest = bundle.manifest();
    let digest =
        |path: &Path| run("sha256sum", &[path.to_str().unwrap()], Path::new("/"))[..64].to_owned();
    let whole = digest(&bundle.zip);
    assert_eq!(manifest["sha256"], whole.as_str());
    assert_eq!(manifest["bytes"], fs::metadata(&bundle.zip).unwrap().len());
    assert_eq!(manifest["target"], "x86_64-unknown-linux-gnu");
    assert_eq!(
        manifest["label"],
        format!("flipless-demo-0.1.0-{}", &whole[..12])
    );
    let entries = manifest["entries"].as_array().unwrap();
    assert_eq!(entries.len(), ENTRIES.len());
    for (entry, (path, permissions)) in entries.iter().zip(ENTRIES) {
        let file = bundle.file(path);
        assert_eq!(entry["path"], path);
        assert_eq!(
            entry["mode"],
            if permissions.contains('x') {
                "0755"
            } else {
                "0644"
            }
        );
        assert_eq!(entry["sha256"], digest(&file).as_str(), "{path}");
        assert_eq!(entry["bytes"], fs::metadata(&file).unwrap().len(), "{path}");
    }
    let checks = manifest["checks"].as_array().unwrap();
    assert!(checks.len() > 5);
    // Debian's nginx may be too old for the agent's keepalive file. Then `ok` of the check `nginx` is null.
    for check in checks.iter().filter(|check| check["ok"] != true) {
        assert_eq!(
            (&check["name"], &check["ok"]),
            (&"nginx".into(), &Value::Null)
        );
    }
}

#[test]
fn a_build_in_another_folder_and_environment_gives_the_same_bytes() {
    let out = tempfile::tempdir().unwrap();
    let prelude = "umask 077; export TZ=Asia/Kathmandu LC_ALL=C";
    let output = xtask(&["dist", "--json"], out.path(), prelude);
    assert!(output.status.success(), "{}", said(&output));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let zip = PathBuf::from(printed["zip"].as_str().unwrap());
    assert!(
        fs::read(&zip).unwrap() == fs::read(&bundle().zip).unwrap(),
        "the zips differ"
    );
    assert_eq!(printed["entries"], bundle().manifest()["entries"]);
}

#[test]
fn no_path_of_the_building_machine_is_in_the_executables() {
    // The slash at the end matters: if root runs the test, HOME is `/root`, and the agent itself contains the text
    // `HOME=/root` for the programs that it runs.
    let home = env::var("HOME").unwrap() + "/";
    for name in ["bin/server", "bin/flipless"] {
        let content = fs::read(bundle().file(name)).unwrap();
        for path in [workspace().to_str().unwrap(), home.as_str()] {
            let found = content
                .windows(path.len())
                .any(|window| window == path.as_bytes());
            assert!(!found, "{name} names {path}");
        }
    }
}

/// Runs `dist --plan` with this configuration, which builds no program.
fn plan_with(configuration: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipless.toml");
    fs::write(&path, configuration).unwrap();
    fs::write(folder.path().join("notes.md"), "notes").unwrap();
    let prelude = format!("export FLIPLESS_CONFIG='{}'", path.display());
    xtask(&["dist", "--plan"], folder.path(), &prelude)
}

#[test]
fn the_error_names_a_bad_setting_and_its_place() {
    let output = plan_with("[front]\nprot = 80\n");
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("flipless.toml:2:1: ") && said.contains("`prot`"),
        "{said}"
    );
}

/// The program for certificates has about 90 crates, so only a bundle that needs this program contains it.
#[test]
fn a_bundle_has_the_program_for_certificates_only_if_an_authority_is_asked() {
    let domains = "[https]\ndomains = [\"shop.example.com\"]\n";
    let own = "certificate = \"/etc/a.pem\"\nkey = \"/etc/b.pem\"\n";
    for (configuration, expected) in [
        ("", false),
        (domains, true),
        (&format!("{domains}{own}"), false),
    ] {
        let output = plan_with(configuration);
        assert!(output.status.success(), "{}", said(&output));
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let program = "0755 bin/flipless-certificates  (the program for certificates)";
        assert_eq!(listed.contains(program), expected, "{listed}");
    }
}

#[test]
fn the_error_names_a_missing_include() {
    let output = plan_with("[bundle]\ninclude = [\"public/site\"]\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("public/site"), "{}", said(&output));
}

#[test]
fn an_include_with_the_name_of_a_generated_file_is_refused() {
    let output = plan_with("[bundle]\ninclude = [{ from = \"notes.md\", to = \"Procfile\" }]\n");
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("Procfile") && said.contains("notes.md"),
        "{said}"
    );
}

/// Runs `dist --plan` for a folder that contains `flipless.toml`.
fn plan_in(folder: &Path, include: &str) -> Output {
    let path = folder.join("flipless.toml");
    fs::write(&path, format!("[bundle]\ninclude = [{include}]\n")).unwrap();
    let prelude = format!("export FLIPLESS_CONFIG='{}'", path.display());
    xtask(&["dist", "--plan"], folder, &prelude)
}

#[test]
fn an_include_keeps_the_owner_s_exec_bit_and_nothing_else_of_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("site/.hidden")).unwrap();
    for (name, mode) in [("site/page", 0o600), ("site/.hidden/tool", 0o700)] {
        let path = folder.path().join(name);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = plan_in(folder.path(), "{ from = \"site\", to = \"public/a\" }");
    let planned = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    for line in ["0644 public/a/page  (", "0755 public/a/.hidden/tool  ("] {
        assert!(planned.contains(line), "{line}: {planned}");
    }
}

#[test]
fn an_include_that_unzip_could_not_unpack_unchanged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("files")).unwrap();
    fs::write(folder.path().join("files/a"), "x").unwrap();
    fs::create_dir(folder.path().join("links")).unwrap();
    symlink("/etc/passwd", folder.path().join("links/a")).unwrap();
    let nearest = format!("{}\n", folder.path().join("files").display());
    for (include, expected) in [
        ("\"links\"", "links/a is a symbolic link"),
        (
            "{ from = \"files\", to = \"bin/server\" }",
            "a file (the server) and a folder (",
        ),
        ("\"files/b/c\"", nearest.as_str()),
    ] {
        let output = plan_in(folder.path(), include);
        assert_eq!(output.status.code(), Some(1), "{include}");
        assert!(output.stdout.is_empty(), "{include}");
        assert!(
            said(&output).contains(expected),
            "{expected}: {}",
            said(&output)
        );
    }
}

#[test]
fn the_plan_lists_the_shipped_files() {
    let output = dist(&["--plan"], &bundle().folder);
    let planned = String::from_utf8(output.stdout).unwrap();
    let names = planned.lines().map(|line| line.split(' ').nth(1).unwrap());
    assert!(names.eq(ENTRIES.map(|(name, _)| name)), "{planned}");
}

#[test]
fn a_static_server_without_glibc_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("main.c"),
        "void _start(void) { for (;;); }",
    )
    .unwrap();
    run(
        "cc",
        &["-static", "-nostdlib", "-o", "server", "main.c"],
        folder.path(),
    );
    let server = folder.path().join("server");
    let output = dist(
        &["--server", server.to_str().unwrap()],
        &folder.path().join("out"),
    );
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_usage_error_exits_with_2() {
    let out = tempfile::tempdir().unwrap();
    for arguments in [
        &["--arch", "sparc"][..],
        &["--sever", "x"],
        &["--server", "/no/such"],
        &["--server", "/"],
        // This file is not executable.
        &["--server", workspace().join("Cargo.toml").to_str().unwrap()],
        &["--config", "/no/such"],
    ] {
        assert_eq!(
            dist(arguments, out.path()).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_server_that_is_not_an_executable_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("server");
    fs::write(&server, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    let said = refused(&["--server", server.to_str().unwrap()]);
    assert!(
        said.contains("bin/server") && said.contains("ELF"),
        "{said}"
    );
}

/// Writes the bundle's server, changed so that it claims to be for aarch64.
fn for_another_processor(folder: &Path) -> PathBuf {
    let server = folder.join("server");
    let mut content = fs::read(bundle().file("bin/server")).unwrap();
    content[18..20].copy_from_slice(&183u16.to_le_bytes()); // e_machine = EM_AARCH64 (elf(5))
    fs::write(&server, content).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    server
}

#[test]
fn a_server_for_another_processor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = for_another_processor(folder.path());
    let said = refused(&["--server", server.to_str().unwrap()]);
    assert!(
        said.contains("aarch64") && said.contains("x86_64"),
        "{said}"
    );
    let way_out = "set `[check] allow = [\"machine\", \"interpreter\"]` in flipless.toml";
    assert!(said.contains(way_out), "{said}");
}

#[test]
fn a_failure_that_the_configuration_allows_is_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let server = for_another_processor(folder.path());
    let config = folder.path().join("flipless.toml");
    fs::write(&config, "[check]\nallow = [\"machine\", \"interpreter\"]\n").unwrap();
    let [server, config] = [&server, &config].map(|path| path.to_str().unwrap());
    let out = folder.path().join("out");
    let output = dist(&["--server", server, "--config", config, "--json"], &out);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("warning: machine: bin/server is for aarch64"));
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = manifest["checks"].as_array().unwrap().iter();
    let allowed: Vec<_> = checks.filter(|check| check["allowed"] == true).collect();
    let names: Vec<_> = allowed
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["machine", "interpreter"]);
    assert!(allowed.iter().all(|check| check["ok"] == true));
    let zip = Path::new(manifest["zip"].as_str().unwrap());
    let mut check = Command::new(env!("CARGO_BIN_EXE_xtask"));
    assert!(
        check
            .arg("check")
            .arg(zip)
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_server_that_needs_a_newer_glibc_is_refused_with_the_symbol_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("fresh.c"), "int fresh(void) { return 0; }").unwrap();
    fs::write(path.join("versions"), "GLIBC_2.99 { global: fresh; };").unwrap();
    fs::write(
        path.join("main.c"),
        "int fresh(void); int main(void) { return fresh(); }",
    )
    .unwrap();
    let library = [
        "-shared",
        "-nostdlib",
        "-Wl,-soname,libfresh.so.1",
        "-Wl,--version-script=versions",
    ];
    run(
        "cc",
        &[&library[..], &["-o", "libfresh.so.1", "fresh.c"]].concat(),
        path,
    );
    run("cc", &["-o", "server", "main.c", "./libfresh.so.1"], path);
    let said = refused(&["--server", path.join("server").to_str().unwrap()]);
    for part in ["fresh", "2.99", "2.34", "zigbuild"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_server_with_glibc_linked_in_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("main.rs");
    fs::write(&source, "fn main() { println!(\"hello\"); }").unwrap();
    let arguments = [
        "-C",
        "target-feature=+crt-static",
        "-o",
        "server",
        "main.rs",
    ];
    run("rustc", &arguments, folder.path());
    let said = refused(&["--server", folder.path().join("server").to_str().unwrap()]);
    assert!(said.contains("static") && said.contains("glibc"), "{said}");
    assert!(said.contains("name"), "it says what breaks: {said}");
}

#[test]
fn check_passes_the_bundle_and_fails_a_broken_one() {
    let check = |zip: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["check", "--json"]).arg(zip).output().unwrap()
    };
    let good = check(&bundle().zip);
    assert!(good.status.success(), "{}", said(&good));
    let broken = bundle().folder.join("broken.zip");
    fs::write(&broken, &fs::read(&bundle().zip).unwrap()[..1000]).unwrap();
    assert_eq!(check(&broken).status.code(), Some(1));
}
