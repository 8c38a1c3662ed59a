//! Explains how to upload the bundle.

use std::path::Path;

use anstream::eprintln;

/// Prints how to upload the zip: in the console, or with the EB CLI.
pub fn explain(zip: &Path, label: &str) {
    let zip = zip.display();
    eprintln!(
        "
To deploy the zip, either
  in the console: your environment → Upload and deploy → choose the file, and set the version label to
      {label}
  or with the EB CLI: in .elasticbeanstalk/config.yml
      deploy:
        artifact: {zip}
    then
      eb deploy --label {label}
    (the EB CLI does not upload a label twice; this label changes with the content)
"
    );
}
