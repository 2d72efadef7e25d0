#![allow(missing_docs, clippy::unwrap_used)]
use meetbit_client::*;
use meetbit_tests::raw_server::RawServer;
use meetbit_tests::script::{Plan, Script};
use meetbit_tests::replies;

#[tokio::test]
async fn smoke() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = Client::builder("acme.example.com").base_url(server.url()).credentials(Credentials::new("id", "s3cr3t")).build().unwrap();
    let call = client.create_customer(&NewCustomer::new().first_name("Ada"));
    println!("{:?}", call.request().unwrap());
    let r = call.send().await.unwrap();
    println!("{r:?}");
    let record = server.finish();
    println!("{}", record.requests[0].head);
    println!("{:?}", <dyn Customers>::ENDPOINTS);
    let e = client.create_customer(&NewCustomer::new().email("ada")).await.unwrap_err();
    println!("{e}\n{e:?}");
}
