package frame

import (
	"fmt"

	"anode/messages"
)

// Size implements Frame.
func (f *Hello) Size() int {
	return head + sizeUint(uint64(f.Version)) + sizeUint(uint64(f.Oldest)) + sizeBytes(f.Cluster) + sizeID(f.Node) + sizeBytes(f.Name) +
		sizeUint(f.Epoch) + sizeUint(f.Capabilities) + sizeBytes(f.Mesh) + sizeBytes(f.HTTP) + sizePosition(&f.Known) + len(f.Proof)
}

func (f *Hello) appendBody(dst []byte) []byte {
	dst = appendUint(appendUint(dst, uint64(f.Version)), uint64(f.Oldest))
	dst = appendBytes(dst, f.Cluster)
	dst = appendBytes(appendID(dst, f.Node), f.Name)
	dst = appendUint(appendUint(dst, f.Epoch), f.Capabilities)
	dst = appendBytes(appendBytes(dst, f.Mesh), f.HTTP)
	return append(appendPosition(dst, &f.Known), f.Proof[:]...)
}

func (f *Hello) readBody(d decoder) error {
	f.Version, f.Oldest = uint16(d.upTo(1<<16-1)), uint16(d.upTo(1<<16-1))
	f.Cluster = d.text()
	f.Node, f.Name = d.id(), d.text()
	f.Epoch, f.Capabilities = d.uint(), d.uint()
	f.Mesh, f.HTTP = d.text(), d.text()
	f.Known = messages.Position{Origin: d.id(), Epoch: d.uint(), Sequence: d.uint(), Index: d.uint32()}
	copy(f.Proof[:], d.take(len(f.Proof)))
	return d.err
}

func (f *Hello) check() error {
	if f.Oldest == 0 || f.Oldest > f.Version {
		return fmt.Errorf("versions %d to %d: they count from 1 up", f.Oldest, f.Version)
	}
	for _, text := range [...]string{f.Cluster, f.Name, f.Mesh, f.HTTP} {
		if err := checkText(text); err != nil {
			return err
		}
	}
	if err := checkFlow(f.Node, f.Epoch); err != nil {
		return err
	}
	return checkPosition(&f.Known)
}

func sizePosition(p *messages.Position) int {
	return sizeID(p.Origin) + sizeUint(p.Epoch) + sizeUint(p.Sequence) + sizeUint(uint64(p.Index))
}

func appendPosition(dst []byte, p *messages.Position) []byte {
	dst = appendUint(appendID(dst, p.Origin), p.Epoch)
	return appendUint(appendUint(dst, p.Sequence), uint64(p.Index))
}

// checkPosition takes a place in an epoch, the one before all of an origin, and the zero Position.
func checkPosition(p *messages.Position) error {
	if p.IsZero() {
		return nil
	}
	if _, err := messages.ParseNodeID(string(p.Origin)); err != nil {
		return err
	}
	before := p.Epoch == 0 && p.Sequence == 0 && p.Index == 0
	within := p.Epoch > 0 && p.Epoch <= maxEpoch && p.Sequence > 0 && p.Sequence <= maxSequence && p.Index <= messages.IndexEnd
	if !before && !within {
		return fmt.Errorf("position %s is none of a record", p)
	}
	return nil
}
