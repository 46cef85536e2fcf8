//! The known regions, and the addresses of their services.

/// The domain of Huawei Cloud.
const HUAWEI_CLOUD: &str = "myhuaweicloud.com";
/// The domain of Open Telekom Cloud.
const OPEN_TELEKOM_CLOUD: &str = "otc.t-systems.com";

/// From the list for FunctionGraph in the vendor's SDK.
const HUAWEI_CLOUD_REGIONS: [&str; 27] = [
    "ae-ad-1",
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-3",
    "cn-east-4",
    "cn-north-1",
    "cn-north-11",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-south-4",
    "cn-southwest-2",
    "cn-southwest-3",
    "eu-west-101",
    "la-north-2",
    "la-south-2",
    "me-east-1",
    "my-kualalumpur-1",
    "na-mexico-1",
    "ru-moscow-1",
    "sa-brazil-1",
    "tr-west-1",
];
const OPEN_TELEKOM_CLOUD_REGIONS: [&str; 2] = ["eu-de", "eu-nl"];

/// A service that has its own address in each region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    FunctionGraph,
    Iam,
}

/// The regions of both clouds.
pub fn known() -> impl Iterator<Item = &'static str> + Clone {
    HUAWEI_CLOUD_REGIONS.into_iter().chain(OPEN_TELEKOM_CLOUD_REGIONS)
}

/// The domain of the cloud that contains this region.
pub fn cloud(region: &str) -> Option<&'static str> {
    if OPEN_TELEKOM_CLOUD_REGIONS.contains(&region) {
        return Some(OPEN_TELEKOM_CLOUD);
    }
    HUAWEI_CLOUD_REGIONS.contains(&region).then_some(HUAWEI_CLOUD)
}

/// The service's address in a region, for the cloud with this domain.
pub fn url(service: Service, region: &str, cloud: &str) -> String {
    let service = match service {
        Service::FunctionGraph => "functiongraph",
        Service::Iam => "iam",
    };
    format!("https://{service}.{region}.{cloud}")
}

/// The region of `FunctionGraph`'s address, if the address has the form of [`url`].
pub fn of_host(host: &str) -> Option<&str> {
    let (region, domain) = host.trim_end_matches('.').strip_prefix("functiongraph.")?.split_once('.')?;
    let is_known = known().any(|known| known == region) || [HUAWEI_CLOUD, OPEN_TELEKOM_CLOUD].contains(&domain);
    is_known.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_domain() {
        let url = |service, region: &str| url(service, region, cloud(region).expect("a known region"));
        assert_eq!(url(Service::FunctionGraph, "eu-de"), "https://functiongraph.eu-de.otc.t-systems.com");
        assert_eq!(url(Service::Iam, "eu-nl"), "https://iam.eu-nl.otc.t-systems.com");
        assert_eq!(url(Service::FunctionGraph, "cn-north-4"), "https://functiongraph.cn-north-4.myhuaweicloud.com");
        assert_eq!(cloud("eu-west-1"), None);
        assert!(known().all(|region| cloud(region).is_some()));
    }

    #[test]
    fn an_address_of_the_known_form_shows_its_region() {
        for (host, region) in [
            ("functiongraph.eu-de.otc.t-systems.com", Some("eu-de")),
            ("functiongraph.eu-de.otc.t-systems.com.", Some("eu-de")),
            ("functiongraph.eu-west-101.myhuaweicloud.eu", Some("eu-west-101")),
            ("functiongraph.new-region-1.myhuaweicloud.com", Some("new-region-1")),
            ("functiongraph.internal.example.com", None),
            ("iam.eu-de.otc.t-systems.com", None),
            ("functiongraph.eu-de", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(of_host(host), region, "{host}");
        }
    }
}
