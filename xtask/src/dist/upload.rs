//! Explains how to upload the bundle.

use std::path::Path;

use anstream::eprintln;

/// Prints the ways to upload the zip: the console, the EB CLI, and GitHub.
pub fn explain(zip: &Path, label: &str) {
    eprintln!("{}", text(zip, label));
}

/// The EB CLI uploads a ready zip since 3.22.0, but only if its command names the environment and the region
/// (`deploy.py` of awsebcli 3.27.5). The names of the action's inputs are from its `action.yml`.
fn text(zip: &Path, label: &str) -> String {
    let zip = zip.display();
    format!(
        "
To deploy the zip, either
  in the console: your environment → Upload and deploy → choose the file, and set the version label to
      {label}
  or with the EB CLI:
      eb deploy ENVIRONMENT --region REGION --archive {zip} --label {label}
  or in GitHub Actions, with aws-actions/aws-elasticbeanstalk-deploy:
      version-label: {label}
      deployment-package-path: {zip}
    (the EB CLI and the action upload each label only once; this label changes with the content)
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_names_the_zip_and_the_label() {
        let text = text(Path::new("/a/shop.zip"), "shop-1");
        assert!(
            text.contains("--archive /a/shop.zip --label shop-1"),
            "{text}"
        );
        assert!(
            text.contains("deployment-package-path: /a/shop.zip"),
            "{text}"
        );
        assert_eq!(text.matches("shop-1").count(), 3, "{text}");
    }
}
