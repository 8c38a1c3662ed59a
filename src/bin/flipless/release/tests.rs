#![allow(clippy::unwrap_used)]
use super::*;
use crate::system::Commands;

/// No command is run by what is tested here.
struct NoCommands;

impl Commands for NoCommands {
    fn run(&self, program: &str, _: &[&str]) -> io::Result<std::process::Output> {
        panic!("{program} was run")
    }
    fn signal(&self, _: u32, _: crate::system::Signal) -> io::Result<()> {
        panic!("a signal was sent")
    }
    fn boot_id(&self) -> io::Result<String> {
        Ok("boot".into())
    }
    fn uptime(&self) -> u64 {
        0
    }
    fn unix_time(&self) -> u64 {
        0
    }
}

fn bundle(root: &Path) -> System {
    let system = System::new(root, Box::new(NoCommands));
    system
        .write(format!("/b/bin/{SERVER_BIN}"), b"server", 0o755)
        .unwrap();
    system.write("/b/Procfile", b"web: x", 0o644).unwrap();
    system
}

#[test]
fn the_identity_is_of_content_and_environment() {
    let root = tempfile::tempdir().unwrap();
    let system = bundle(root.path());
    let first = install(&system, Path::new("/b"), "A=\"1\"\n").unwrap();
    assert_eq!(first.len(), IDENTITY_DIGITS);
    assert_eq!(
        install(&system, Path::new("/b"), "A=\"1\"\n").unwrap(),
        first
    );
    assert_ne!(
        install(&system, Path::new("/b"), "A=\"2\"\n").unwrap(),
        first
    );
    system.write("/b/Procfile", b"web: y", 0o644).unwrap();
    assert_ne!(
        install(&system, Path::new("/b"), "A=\"1\"\n").unwrap(),
        first
    );
}

#[test]
fn an_installed_release_has_the_bundle_and_a_private_environment() {
    let root = tempfile::tempdir().unwrap();
    let system = bundle(root.path());
    let identity = install(&system, Path::new("/b"), "A=\"1\"\n").unwrap();
    let release = format!("{}/{identity}", layout::RELEASES);
    assert_eq!(
        system
            .read(format!("{release}/app/Procfile"))
            .unwrap()
            .unwrap(),
        b"web: x"
    );
    let mode = system
        .locate(format!("{release}/environment"))
        .metadata()
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_folder_without_the_server_is_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let system = bundle(root.path());
    system.remove("/b/bin").unwrap();
    let error = install(&system, Path::new("/b"), "").unwrap_err();
    assert!(error.to_string().contains("unpacked bundle"), "{error}");
    assert!(!system.exists(layout::RELEASES));
}

#[test]
fn the_oldest_unused_releases_and_leftovers_go() {
    let root = tempfile::tempdir().unwrap();
    let system = bundle(root.path());
    let names = ["a", "b", "c", "d", ".e.partial"];
    for (age, name) in names.iter().enumerate() {
        let path = format!("{}/{name}", layout::RELEASES);
        system.make_folder(&path).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
        fs::File::open(system.locate(&path))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
    assert_eq!(KEEP_RELEASES, 3, "the test counts on the default");
    assert_eq!(superfluous(&system, &["a"]).unwrap(), [".e.partial", "b"]);
    assert_eq!(
        superfluous(&system, &["a", "b", "c", "d"]).unwrap(),
        [".e.partial"]
    );
}
