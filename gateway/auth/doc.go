// Package auth decides who may use the gateway. In this version nothing asks for a token;
// what stands is what a browser needs: any web page can reach a loopback port, so that
// every request is judged by its Host and its Origin, for reads and for writes.
//
// Of foreign pages those of the mesh's other nodes may pass: the dashboard that a node served goes on with another
// one when its own is gone. They are known by the mesh's members, which the cluster's secret vouches for, and nothing
// else is wider for it: the Host is judged as before, and no answer lets a browser send credentials by itself.
package auth
