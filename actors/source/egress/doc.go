// Package egress lets sources connect to public addresses only, unless the operator allows more.
//
// A source's URL comes from users, so a name in it may lead anywhere: to this machine, into the
// network around it, to a cloud's metadata. Guard looks at each address after the name was
// resolved, in the moment of dialling, so that neither a name that resolves anew nor a redirect
// gets past it. IPv6 forms that carry an IPv4 address (mapped, compatible, 6to4, NAT64) count as
// both addresses.
//
// A Guard and its clients are safe for concurrent use.
package egress
