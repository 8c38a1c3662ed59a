//! What comes next.

use std::path::Path;

use anstream::eprintln;

/// How to upload the zip: by the console, or by the EB CLI.
pub fn explain(zip: &Path, label: &str) {
    let zip = zip.display();
    eprintln!(
        "
To deploy it, either
  in the console: your environment → Upload and deploy → choose the file, and as version label
      {label}
  or with the EB CLI: in .elasticbeanstalk/config.yml
      deploy:
        artifact: {zip}
    then
      eb deploy --label {label}
    (the label changes with the content: the EB CLI uploads nothing for a label it has seen)
"
    );
}
