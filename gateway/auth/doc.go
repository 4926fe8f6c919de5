// Package auth decides who may use the gateway. In this version nothing asks for a token;
// what stands is what a browser needs: any web page can reach a loopback port, so that
// every request is judged by its Host and its Origin, for reads and for writes.
package auth
