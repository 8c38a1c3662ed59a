//! Other programs that read parts of a bundle: in a folder of their own, with bounded time, memory
//! and output, and without root's rights, as the bundle may be anybody's.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Component, Path};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wait_timeout::ChildExt;

const DEADLINE: Duration = Duration::from_secs(30);
/// Address space, in KiB.
const MEMORY: &str = "1048576";
/// Bytes of its output that are read.
const OUTPUT: u64 = 256 << 10;

/// What a program said, on both outputs.
pub struct Said {
    /// It ended with 0.
    pub success: bool,
    /// Both outputs, in their order.
    pub text: String,
}

/// A temporary folder, removed when dropped.
pub struct Scratch(TempDir);

impl Scratch {
    /// Readable by everyone.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        make_readable(folder.path(), 0o755)?;
        Ok(Self(folder))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file below it, and no other; readable by everyone, whatever the umask.
    pub fn write(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let relative = Path::new(name);
        let normal = |part| matches!(part, Component::Normal(_));
        if !relative.components().all(normal) || name.is_empty() {
            return Err(io::Error::other(format!(
                "{name:?} leads out of the folder"
            )));
        }
        let path = self.path().join(relative);
        let folders = relative
            .ancestors()
            .skip(1)
            .filter(|folder| *folder != Path::new(""));
        for folder in folders.collect::<Vec<_>>().into_iter().rev() {
            let folder = self.path().join(folder);
            if !folder.is_dir() {
                fs::create_dir(&folder)?;
                make_readable(&folder, 0o755)?;
            }
        }
        fs::write(&path, text)?;
        make_readable(&path, 0o644)
    }

    /// The same, executable; does nothing where a file is.
    pub fn write_program(&self, name: &str) -> io::Result<()> {
        if self.path().join(name).exists() {
            return Ok(());
        }
        self.write(name, b"#!/bin/sh\n")?;
        make_readable(&self.path().join(name), 0o755)
    }

    /// Runs a program in it, to its end or ours.
    ///
    /// # Errors
    /// When it can't be started here.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<Said> {
        self.run_within(DEADLINE, program, arguments)
    }

    fn run_within(&self, limit: Duration, program: &Path, arguments: &[&str]) -> io::Result<Said> {
        let mut output = tempfile::tempfile()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("ulimit -v {MEMORY} && exec \"$0\" \"$@\"")])
            .arg(program)
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs([("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        self.as_nobody(&mut command)?;
        let Some(status) = wait(command.spawn()?, limit)? else {
            return Ok(Said {
                success: false,
                text: format!("did not end in {limit:?}"),
            });
        };
        let mut text = Vec::new();
        output.rewind()?;
        output.take(OUTPUT).read_to_end(&mut text)?;
        Ok(Said {
            success: status.success(),
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    #[cfg(unix)]
    fn as_nobody(&self, command: &mut Command) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        use std::os::unix::process::CommandExt;
        /// `nobody`, on Linux.
        const NOBODY: u32 = 65534;
        if self.path().metadata()?.uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn as_nobody(&self, _: &mut Command) -> io::Result<()> {
        Ok(())
    }
}

/// How it ended; none if it had to be killed.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let status = child.wait_timeout(limit)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(status)
}

#[cfg(unix)]
fn make_readable(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn make_readable(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(script: &str, limit: Duration) -> io::Result<Said> {
        let scratch = Scratch::new().unwrap();
        scratch.run_within(limit, Path::new("/bin/sh"), &["-c", script])
    }

    #[test]
    fn what_it_says_on_both_outputs_is_kept_and_how_it_ended() {
        let said = shell("echo a; echo b >&2; exit 3", DEADLINE).unwrap();
        assert_eq!((said.success, said.text.as_str()), (false, "a\nb\n"));
        assert!(shell("true", DEADLINE).unwrap().success);
    }

    #[test]
    fn it_runs_without_root_s_rights_and_in_its_folder() {
        let said = shell("id -u; touch x /x; pwd", DEADLINE).unwrap().text;
        assert!(!said.starts_with("0\n"), "{said}");
        assert!(said.contains("/x"), "{said}");
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let said = shell("exec sleep 600", Duration::from_millis(50)).unwrap();
        assert!(
            !said.success && said.text.contains("did not end"),
            "{}",
            said.text
        );
    }

    #[test]
    fn memory_and_output_are_bounded() {
        let said = shell("exec head -c 3G /dev/zero | sort", DEADLINE).unwrap();
        assert!(!said.success, "sort needs more than it gets");
        let said = shell("head -c 1M /dev/zero", DEADLINE).unwrap();
        assert_eq!(said.text.len() as u64, OUTPUT);
    }

    #[test]
    fn nothing_is_written_elsewhere() {
        let scratch = Scratch::new().unwrap();
        for name in ["../x", "/x", "a/../../x", ""] {
            assert!(scratch.write(name, b"").is_err(), "{name}");
        }
        scratch.write("a/b", b"").unwrap();
    }
}
