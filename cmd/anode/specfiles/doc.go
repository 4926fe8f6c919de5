// Package specfiles finds and reads the files that specs of sources stand in: what serve --sources and
// source apply -f take, alike. It keeps nothing.
package specfiles
