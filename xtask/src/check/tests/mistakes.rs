//! Tests common mistakes. Each mistake makes only the check for this mistake fail.

use flipless_settings::layout;

use super::bundle::{COMMIT, EXPECTED, STAGE, Zip, assert_fails, failed, open, warned};
use super::elf_files::{AARCH64, X86_64, needing, program, static_glibc, with_interpreter};
use crate::bundle::elf::Elf;
use crate::check::{self, Check, without_programs};

#[test]
fn a_good_bundle_passes() {
    assert_eq!(failed(&Zip::good().bytes()), []);
    assert_eq!(failed(&Zip::good().streamed()), [], "into a pipe");
}

#[test]
fn names() {
    let good = Zip::good;
    for (zip, check, detail) in [
        (good().with("a\\b", 0o644, b""), "names", "backslash"),
        (good().with("c:/x", 0o644, b""), "names", "absolute"),
        (good().with("a/./b", 0o644, b""), "names", "empty part"),
        (good().with("a//b", 0o644, b""), "names", "empty part"),
        (good().with(&"a".repeat(256), 0o644, b""), "names", "longer"),
        (
            good().with(&format!("{}b", "a/".repeat(64)), 0o644, b""),
            "names",
            "deeper",
        ),
        (
            good().with("Procfile/x", 0o644, b""),
            "clashes",
            "is a file",
        ),
    ] {
        assert_fails(&zip.bytes(), check, detail);
    }
}

#[test]
fn a_link_out_of_the_bundle_is_a_warning() {
    let good = Zip::good().with("public/a", 0o120_777, b"../bin/server");
    assert_eq!(failed(&good.bytes()), []);
    let link = |target: &[u8]| Zip::good().with("public/a", 0o120_777, target).bytes();
    let long = "a".repeat(4096);
    for (target, place) in [
        ("../../shared", "/var/app/shared"),
        ("/mnt/efs", "/mnt/efs"),
    ] {
        let warned = warned(&Zip::good().with("public/a", 0o120_777, target.as_bytes())).join("; ");
        let expected = format!("links: public/a -> {target:?} leads out of the bundle");
        assert!(
            warned.starts_with(&expected) && warned.ends_with(place),
            "{warned}"
        );
    }
    let through = Zip::good().with("public", 0o120_777, b"/etc");
    assert_fails(
        &through.with("public/passwd", 0o644, b"").bytes(),
        "clashes",
        "public",
    );
    for (target, check, detail) in [
        ("a\0b", "links", "leads nowhere"),
        (&long, "content", "the link's target is too long"),
    ] {
        assert_fails(&link(target.as_bytes()), check, detail);
    }
}

#[test]
fn the_procfile() {
    let with = |text: &str| Zip::good().with("Procfile", 0o644, text.as_bytes()).bytes();
    for (text, detail) in [
        ("worker: x\n", "the first process must be `web`"),
        ("web: x\nbroken\n", "line 2"),
        ("web: bin/sever\n", "bin/sever is not in the bundle"),
        (
            "web: Procfile\nw: ./systemd/flipless-app.socket\n",
            "no exec bit",
        ),
    ] {
        assert_fails(&with(text), "Procfile", detail);
    }
    let none = Zip::good().without("Procfile").bytes();
    assert_fails(&none, "Procfile", "missing");
    let bytes = Zip::good().with("Procfile", 0o644, b"web: \xff\n").bytes();
    assert_fails(&bytes, "Procfile", "not UTF-8");
}

#[test]
fn hooks() {
    let hook = |mode, text: &str| Zip::good().with(STAGE, mode, text.as_bytes());
    for (zip, detail) in [
        (hook(0o644, "#!/bin/sh\n"), "no exec bit"),
        (hook(0o755, "#!/bin/sh\r\n"), "LF"),
        (hook(0o755, "echo\n"), "#!"),
        (hook(0o755, "#!sh\n"), "path"),
        (Zip::good().without(COMMIT), "confighooks/postdeploy"),
    ] {
        assert_fails(&zip.bytes(), "hooks", detail);
    }
}

#[test]
fn executables() {
    let server = |mode, content: &[u8]| Zip::good().with("bin/server", mode, content);
    for (zip, check, detail) in [
        (
            server(0o644, &program(X86_64)),
            "executables",
            "no exec bit",
        ),
        (server(0o755, b"#!/bin/sh\n"), "executables", "not an ELF"),
        (server(0o755, b"\x7fELF"), "executables", "damaged ELF"),
        (
            server(0o755, &program(AARCH64)),
            "machine",
            "bin/server is for aarch64",
        ),
        (server(0o755, &program(8)), "machine", "another processor"),
        (
            server(0o755, &with_interpreter("/lib/ld-musl-x86_64.so.1")),
            "interpreter",
            "ld-musl",
        ),
        (
            Zip::good()
                .without("bin/flipless")
                .edit("Procfile", "bin/flipless", "flipless"),
            "executables",
            "bin/flipless is missing",
        ),
        (server(0o755, &static_glibc()), "static glibc", "bin/server"),
    ] {
        assert_fails(&zip.bytes(), check, detail);
    }
}

#[test]
fn a_bundle_for_another_processor_than_its_manifest_says() {
    let arch = crate::arch::Arch::from_name("aarch64");
    let checks = without_programs(&open(&Zip::good().bytes()), arch);
    let failed: Vec<_> = checks.iter().filter(|check| check.failed()).collect();
    assert_eq!((failed.len(), failed[0].name), (1, "machine"));
}

#[test]
fn settings_that_the_agent_could_not_read() {
    let file = layout::SETTINGS_FILE;
    assert_fails(&Zip::good().without(file).bytes(), "settings", "is missing");
    let zip = Zip::good().with(file, 0o644, b"{\"front\": 1}");
    assert_fails(&zip.bytes(), "settings", file);
}

#[test]
fn a_home_page_that_is_not_redirected_to_https() {
    let file = layout::SETTINGS_FILE;
    let warnings = |https: &str, path: &str| {
        let text = format!(r#"{{"https": {https}, "server": {{"health_path": "{path}"}}}}"#);
        let zip = Zip::good().without(file).with(file, 0o644, text.as_bytes());
        let checks = without_programs(&open(&zip.bytes()), None);
        let check = checks.into_iter().find(|check| check.name == "settings");
        check.unwrap().warnings
    };
    let domains = r#"{"domains": ["shop.example.com"]}"#;
    let said = warnings(domains, "/");
    assert!(said[0].starts_with("http://shop.example.com/ "), "{said:?}");
    assert_eq!(warnings(domains, "/?a=b").len(), 1);
    for (https, path) in [
        (domains, "/health"),
        ("{}", "/"),
        (r#"{"domains": ["a.example"], "redirect": false}"#, "/"),
    ] {
        assert_eq!(warnings(https, path), [""; 0], "{https} {path}");
    }
}

#[test]
fn static_glibc_is_fine_if_no_program_resolves_names() {
    let yes = "\"resolves_names\": true";
    let zip = Zip::good()
        .with("bin/server", 0o755, &static_glibc())
        .edit(layout::SETTINGS_FILE, yes, "\"resolves_names\": false")
        .bytes();
    let checks = without_programs(&open(&zip), EXPECTED);
    assert!(!checks.iter().any(Check::failed));
}

/// The system's shell, changed to need a version of glibc that does not exist yet.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn a_newer_glibc_is_named_with_its_symbols() {
    let mut shell = std::fs::read("/bin/sh").unwrap();
    let newest = Elf::parse(&shell).unwrap().glibc.pop().unwrap().0;
    let from = format!("\0{}\0", newest.name());
    let to = format!("\0{:9<1$}\0", "GLIBC_2.", from.len() - 2);
    let place = shell
        .windows(from.len())
        .position(|bytes| bytes == from.as_bytes());
    let place = place.unwrap();
    shell[place..place + to.len()].copy_from_slice(to.as_bytes());
    let zip = Zip::good().with("bin/server", 0o755, &shell);
    assert_fails(&zip.bytes(), "glibc", "bin/server needs GLIBC_2.9");
    assert_fails(&zip.bytes(), "glibc", " (__libc_start_main");
}

/// `units/tests.rs` tests each rule. This test shows that the rules receive the bundle's units.
#[test]
fn units() {
    let app = "systemd/flipless-app@.service";
    let gate = "systemd/flipless-gate.service";
    for (zip, check) in [
        (
            Zip::good().edit(app, "NonBlocking=true", ""),
            "units: shared sockets",
        ),
        (
            Zip::good().edit(app, "[Unit]", "[Unit]\nPartOf=x.target"),
            "units: not EB's",
        ),
        (
            Zip::good().edit(app, "UMask=", "ExecStop=/var/app/x\nUMask="),
            "units: paths",
        ),
        (
            Zip::good().edit(app, "StartLimitIntervalSec=0", ""),
            "units: limits",
        ),
        (
            Zip::good().edit(gate, "[Service]", "[Service]\nRemainAfterExit=1"),
            "units: gate",
        ),
        (
            Zip::good().edit("systemd/flipless-front.socket", "0.0.0.0:80", "80"),
            "units: addresses",
        ),
        (
            Zip::good().without("systemd/flipless-front.socket"),
            "units: references",
        ),
        (
            Zip::good().edit(
                "systemd/nginx.service.d/zz-flipless.conf",
                "ExecStop=\n",
                "",
            ),
            "units: stand-in",
        ),
        (
            Zip::good().edit(
                "systemd/web.service.d/zz-flipless.conf",
                "[Service]",
                "[Service]\nMemoryMax=1G",
            ),
            "units: control groups",
        ),
        (
            Zip::good().with("systemd/x.target", 0o644, &program(X86_64)),
            "units",
        ),
    ] {
        assert_fails(&zip.bytes(), check, "");
    }
}

#[test]
fn a_parent_folder_is_named() {
    let mut zip = Zip::good();
    for (name, ..) in &mut zip.0 {
        name.insert_str(0, "app/");
    }
    assert_fails(&zip.bytes(), "layout", "everything lies in `app/`");
}

/// `zip -r` writes entries for folders. Such an entry is never a text file, whatever its name is.
#[test]
fn entries_for_folders_are_fine() {
    let mut zip = Zip::good();
    for folder in ["systemd/", ".platform/nginx/", ".platform/hooks/", "bin/"] {
        zip = zip.with(folder, 0o755, b"");
    }
    let bundle = open(&zip.bytes());
    let checks = crate::check::all(&bundle, EXPECTED);
    assert!(!checks.iter().any(Check::failed), "{checks:#?}");
    assert!(
        bundle
            .entries
            .iter()
            .all(|entry| !entry.folder || entry.text().is_none())
    );
}

#[test]
fn a_zip_above_eb_s_limit() {
    let mut bundle = open(&Zip::good().bytes());
    bundle.zip_bytes = crate::check::size::LIMIT + 1;
    let checks = without_programs(&bundle, EXPECTED);
    let failed: Vec<_> = checks.iter().filter(|check| check.failed()).collect();
    assert_eq!((failed.len(), failed[0].name), (1, "size"));
}

#[test]
fn an_allowed_failure_is_a_warning() {
    let zip = Zip::good().with("Procfile", 0o644, b"worker: x\n").with(
        ".platform/nginx/conf.d/a.conf",
        0o644,
        b"gzpi on;\n",
    );
    let allow = |names: &str| {
        let to = format!("\"allow\": [{names}]");
        let bytes = zip
            .clone()
            .edit(layout::SETTINGS_FILE, "\"allow\": []", &to)
            .bytes();
        let checks = without_programs(&open(&bytes), EXPECTED);
        let names = |test: fn(&Check) -> bool| {
            let checks = checks.iter().filter(|check| test(check));
            checks.map(|check| check.name).collect::<Vec<_>>()
        };
        (
            names(Check::failed),
            names(|check| check.allowed),
            check::way_out(&checks),
        )
    };
    let (failed, allowed, hint) = allow("");
    assert_eq!(
        (failed, allowed),
        (vec!["Procfile", "nginx: directives"], vec![])
    );
    let hint = hint.unwrap();
    assert!(
        hint.contains("allow = [\"Procfile\", \"nginx: directives\"]"),
        "{hint}"
    );
    let (failed, allowed, _) = allow("\"Procfile\"");
    assert_eq!(
        (failed, allowed),
        (vec!["nginx: directives"], vec!["Procfile"])
    );
    let (failed, allowed, hint) =
        allow("\"Procfile\", \"nginx: directives\", \"of another version\"");
    assert_eq!((failed, allowed.len(), hint), (vec![], 2, None));
}

/// `[check] allow` accepts only the names in `ALLOWABLE`.
#[test]
fn every_check_has_a_name_that_can_be_allowed() {
    let checks = check::all(&open(&Zip::good().bytes()), EXPECTED);
    let names = checks.iter().map(|check| check.name);
    let names: Vec<_> = names
        .filter(|name| !["zip", "settings"].contains(name))
        .collect();
    assert_eq!(names, flipless_settings::checks::ALLOWABLE);
}

/// `[server] command` names a program of the bundle. The faults of this program count like those of `[server] bin`.
#[test]
fn the_program_of_a_command_line_has_to_run_on_the_instance() {
    for line in [
        "./shop -v",
        "exec ./shop",
        "A=1 shop/../shop",
        "/var/app/current/shop",
    ] {
        let with = |mode, content: &[u8]| Zip::of_command(line).with("shop", mode, content);
        assert_eq!(failed(&with(0o755, &program(X86_64)).bytes()), [], "{line}");
        if line.contains("..") {
            continue;
        }
        let new = needing(&[], &["GLIBC_2.99"]);
        assert_fails(&with(0o755, &new).bytes(), "glibc", "shop needs GLIBC_2.99");
        assert_fails(
            &with(0o755, &program(AARCH64)).bytes(),
            "machine",
            "shop is for aarch64",
        );
        assert_fails(
            &with(0o644, &program(X86_64)).bytes(),
            "executables",
            "shop has no exec bit",
        );
        let missing = Zip::of_command(line);
        assert_fails(
            &missing.bytes(),
            "executables",
            "shop is missing, and `[server] command`",
        );
        let made = missing.with(".platform/hooks/prebuild/a.sh", 0o755, b"#!/bin/sh\n");
        assert!(warned(&made).join("; ").contains("shop is missing"));
    }
    for line in [
        "java -jar x.jar",
        "cd web && ./run",
        "\"$APP\"",
        "/opt/shop",
    ] {
        assert_eq!(failed(&Zip::of_command(line).bytes()), [], "{line}");
    }
}

#[test]
fn a_further_process_has_its_program() {
    let procfile = |line: &str| {
        let web = "web: bin/flipless stand-in web\n";
        Zip::good().with("Procfile", 0o644, format!("{web}{line}\n").as_bytes())
    };
    for line in [
        "mailer: ./mailer.sh -q",
        "mailer: exec ./mailer.sh",
        "mailer: A=1 ./mailer.sh",
    ] {
        assert_fails(
            &procfile(line).bytes(),
            "Procfile",
            "mailer.sh is not in the bundle",
        );
        let fine = procfile(line).with("mailer.sh", 0o755, b"#!/bin/sh\n");
        assert_eq!(failed(&fine.bytes()), [], "{line}");
    }
}
