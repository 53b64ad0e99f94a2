output "zone_id" {
  description = "The zone."
  value       = aws_route53_zone.this.zone_id
}

output "name_servers" {
  description = "Name servers of the zone, which the registrar must know."
  value       = aws_route53_zone.this.name_servers
}

output "ds_record" {
  description = "DS record of the signed zone, which the registrar must know. Null without DNSSEC."
  value       = one(aws_route53_key_signing_key.this[*].ds_record)
}

output "certificate_arn" {
  description = "Certificate of all hosts, once it is issued. Null if none was asked for."
  value       = one(aws_acm_certificate_validation.this[*].certificate_arn)
}

output "porkbun_steps" {
  description = "What to do at Porkbun so that the domain leads here."
  value = join("\n", concat(
    [
      "1. porkbun.com: Account, Domain Management, ${var.domain}, Details, Authoritative Nameservers: edit.",
      "2. Remove what is there, enter these, a line each, and submit:",
    ],
    [for server in aws_route53_zone.this.name_servers : "   ${server}"],
    ["3. Wait until `dig +short NS ${var.domain}` answers these names (minutes, at most two days)."],
    [for record in aws_route53_key_signing_key.this[*].ds_record : "4. Details, DNSSEC: add the record ${record}"],
  ))
}
