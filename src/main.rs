//! The demonstration server, for trying out deployments. Its page shows the version during a deployment.

mod identity;
mod routes;
mod status;
mod trouble;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let trouble = trouble::Trouble::from_env()?;
    trouble.before_start().await?;
    let server = flipless::Server::new();
    let app = routes::app(
        &server,
        identity::Identity::of_this_process(),
        trouble.is_unhealthy(),
    );
    Ok(server.serve(app).await?)
}
