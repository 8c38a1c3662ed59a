//! Runs other programs on parts of a bundle. The bundle may be hostile, so each program runs in its own folder,
//! with limited time, memory and output, and without root's privileges.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Component, Path};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wait_timeout::ChildExt;

const DEADLINE: Duration = Duration::from_secs(30);
/// The most address space, in KiB.
const MEMORY: &str = "1048576";
/// The most bytes of output that are read.
const OUTPUT: u64 = 256 << 10;

/// The result of a program.
pub struct Said {
    /// Whether the exit status is 0.
    pub success: bool,
    /// Standard output and standard error, in their order.
    pub text: String,
}

/// A temporary folder. Dropping the value removes the folder.
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes a folder that every user can read.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        make_readable(folder.path(), 0o755)?;
        Ok(Self(folder))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file in the folder, never outside of it. Every user can read the file, whatever the umask is.
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

    /// Writes an executable file, unless the file exists.
    pub fn write_program(&self, name: &str) -> io::Result<()> {
        if self.path().join(name).exists() {
            return Ok(());
        }
        self.write(name, b"#!/bin/sh\n")?;
        make_readable(&self.path().join(name), 0o755)
    }

    /// Runs a program in the folder, until it ends or the time limit is over.
    ///
    /// # Errors
    /// If the program can't be started.
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
                text: format!("the program did not end within {limit:?}"),
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
        /// The user id of `nobody` on Linux.
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

/// The exit status; `None` if the program was killed at the time limit.
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
    fn both_outputs_and_the_exit_status_are_kept() {
        let said = shell("echo a; echo b >&2; exit 3", DEADLINE).unwrap();
        assert_eq!((said.success, said.text.as_str()), (false, "a\nb\n"));
        assert!(shell("true", DEADLINE).unwrap().success);
    }

    #[test]
    fn a_program_runs_in_its_folder_without_root_s_privileges() {
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
    fn no_file_is_written_outside_of_the_folder() {
        let scratch = Scratch::new().unwrap();
        for name in ["../x", "/x", "a/../../x", ""] {
            assert!(scratch.write(name, b"").is_err(), "{name}");
        }
        scratch.write("a/b", b"").unwrap();
    }
}
