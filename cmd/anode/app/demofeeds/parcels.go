package demofeeds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// mostScansLate are the most that are pushed of what could not be pushed before.
	mostScansLate = 100
	// A scan that is not taken is pushed again after a pause that doubles up to the most.
	scanPause, mostScanPause = time.Second, 15 * time.Second
	// scanPatience bounds one push.
	scanPatience = 10 * time.Second
)

// Push begins to push the scans of a parcel hub to their source of the node at base, such as
// http://127.0.0.1:8080, as a webhook does, until Close.
func (f *Feeds) Push(base string) error {
	if err := f.enter(); err != nil {
		return err
	}
	go func() {
		defer f.leave()
		client := &http.Client{Transport: &http.Transport{}, Timeout: scanPatience}
		defer client.CloseIdleConnections()
		f.scans(client, base+"/api/v1/sources/demo-parcels/push")
	}()
	return nil
}

// scans pushes each scan when it happens, in order, and again where it was not taken.
func (f *Feeds) scans(client *http.Client, url string) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	n, pause := newestScan(f.cfg.Clock())-1, time.Duration(0)
	for {
		select {
		case <-f.done.Done():
			return
		case <-timer.C:
		}
		now := f.cfg.Clock()
		newest := newestScan(now)
		n = max(n, newest-mostScansLate)
		if n < newest {
			if err := f.scan(client, url, n+1); err != nil {
				pause = min(max(2*pause, scanPause), mostScanPause)
				f.cfg.Logger.Debug("a demo scan is not taken", "error", err, "pause", pause)
				timer.Reset(pause)
				continue
			}
			n++
		}
		pause = 0
		timer.Reset(min(max(scanTime(n+1).Sub(now), 0), mostScanPause)) // a clock that was set back holds nothing up
	}
}

// scan pushes one.
func (f *Feeds) scan(client *http.Client, url string, n int64) error {
	body, err := json.Marshal(scanOf(n))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(f.done, scanPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Event-Type", "scan")
	r.Header.Set("X-Event-Id", "scan-"+strconv.FormatInt(n, 36))
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	_, read := io.Copy(io.Discard, io.LimitReader(answer.Body, mostRequest)) // so that the connection can be used again
	if err := errors.Join(read, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}
