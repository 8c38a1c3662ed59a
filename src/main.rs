//! The demonstration server: a server to deploy, with a page to watch during the deployment.

mod identity;
mod routes;
mod status;
mod trouble;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let trouble = trouble::Trouble::from_env()?;
    trouble.before_start().await?;
    let app = routes::app(
        identity::Identity::of_this_process(),
        trouble.is_unhealthy(),
    );
    Ok(flipless::serve(app).await?)
}
