//! The seam between the engine and an instance.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// EB's own limit for a command: 600 s, and 240 s of grace.
pub const LONGEST: Duration = Duration::from_secs(840);

/// Something that commands run on: a [`Machine`](super::Machine), or a test's recorder.
pub trait Instance {
    /// Runs `command` as root on the instance and waits for its end.
    ///
    /// # Errors
    /// When it could not be run, or its deadline passed; a non-zero exit status is no error here.
    fn run(&self, command: &Command) -> io::Result<Output>;

    /// The instance's root directory, as seen from here. Links inside that are absolute lead
    /// out of it: use paths without.
    fn root(&self) -> PathBuf;
}

/// A program to run, with its whole environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The working directory.
    pub folder: String,
    /// Its environment variables: these and no others.
    pub environment: Vec<(String, String)>,
    /// It's killed after this time.
    pub deadline: Duration,
    /// Whether its standard error goes where its standard output goes, so that the lines keep their order.
    pub merges_output: bool,
}

impl Command {
    /// A program by its path or name.
    ///
    /// ```
    /// let command = rehearse::machine::Command::new(["systemctl", "daemon-reload"]);
    /// assert_eq!(command.folder, "/");
    /// ```
    pub fn new<const N: usize>(words: [&str; N]) -> Self {
        Self {
            words: words.map(str::to_owned).to_vec(),
            folder: "/".into(),
            environment: vec![
                ("HOME".into(), "/root".into()),
                ("PATH".into(), SEARCH_PATH.into()),
                ("LANG".into(), "C.UTF-8".into()),
            ],
            deadline: LONGEST,
            merges_output: false,
        }
    }

    /// A line for `/bin/sh -c`.
    pub fn shell(line: &str) -> Self {
        Self::new(["/bin/sh", "-c", line])
    }

    /// In another working directory.
    pub fn in_folder(mut self, folder: &str) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// With another environment.
    pub fn with_environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }

    /// With its standard error in its standard output.
    pub fn with_merged_output(mut self) -> Self {
        self.merges_output = true;
        self
    }

    /// With another deadline.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// Where root's commands are looked up on the instance.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a command left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 128 and the number for a signal.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Whether it exited with 0.
    pub fn succeeded(&self) -> bool {
        self.status == 0
    }

    /// All it printed, trimmed.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr).trim().to_owned()
    }
}
