// Command watchrun creates a run, watches it over a lost connection, reads memory samples, cancels it, and decodes the details of
// two errors:
//
//	watchrun --server localhost:50053 --model ./model --train-file train.jsonl --output ./output
package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	trainer "pemmican.example/client/pemmican/trainer/v1"
	vocabulary "pemmican.example/client/pemmican/vocabulary/v1"
)

const (
	maxFailures = 10
	retryDelay  = 200 * time.Millisecond
)

var (
	server    = flag.String("server", "localhost:50053", "address of the trainer")
	model     = flag.String("model", "model", "folder of the model")
	trainFile = flag.String("train-file", "train.jsonl", "records to train on")
	output    = flag.String("output", "output", "folder of the run")
	tlsCA     = flag.String("tls-ca", "", "certificate of the authority that vouches for the server")
	tokenFile = flag.String("token-file", "", "file with the token")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, err := withToken(context.Background())
	if err != nil {
		return err
	}
	first, err := connect()
	if err != nil {
		return err
	}
	client := trainer.NewTrainerServiceClient(first)
	asked := request(1e-3, false)
	created, err := client.CreateRun(ctx, asked)
	if err != nil {
		return err
	}
	name := created.GetRun().GetName()
	fmt.Println("created", name)
	// An answer may get lost. Asking again with the same request id gives the run that there is.
	again, err := client.CreateRun(ctx, asked)
	if err != nil {
		return err
	}
	fmt.Println("created again with the same request id:", again.GetRun().GetName())

	watcher := &watcher{name: name}
	if err := watcher.follow(ctx, client, isStep(3)); err != nil {
		return err
	}
	if err := first.Close(); err != nil {
		return err
	}
	fmt.Println("disconnected after event", watcher.sequence)

	second, err := connect()
	if err != nil {
		return err
	}
	defer second.Close()
	client = trainer.NewTrainerServiceClient(second)
	if err := watcher.follow(ctx, client, isStep(6)); err != nil {
		return err
	}
	if err := printMemory(ctx, client, name, 3); err != nil {
		return err
	}
	cancel := &trainer.CancelRunRequest{Name: name}
	if _, err := client.CancelRun(ctx, cancel); err != nil {
		return err
	}
	fmt.Println("cancelled", name)
	if err := watcher.follow(ctx, client, func(*trainer.WatchRunResponse) bool { return false }); err != nil {
		return err
	}
	fmt.Printf("saw %d events, none lost, none repeated\n", watcher.sequence)

	_, err = client.CancelRun(ctx, cancel)
	printError(err)
	_, err = client.CreateRun(ctx, request(-1, true))
	printError(err)
	return nil
}

// withToken puts the token into what every call carries, where the server asks for one.
func withToken(ctx context.Context) (context.Context, error) {
	if *tokenFile == "" {
		return ctx, nil
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return nil, err
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(token))), nil
}

func connect() (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if *tlsCA != "" {
		authority, err := os.ReadFile(*tlsCA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(authority) {
			return nil, fmt.Errorf("%s: no certificate", *tlsCA)
		}
		security = credentials.NewClientTLSFromCert(pool, "")
	}
	return grpc.NewClient(*server, grpc.WithTransportCredentials(security))
}

// request asks for a run that goes on until it is cancelled, or for a check of one.
func request(learningRate float64, validateOnly bool) *trainer.CreateRunRequest {
	return &trainer.CreateRunRequest{
		RequestId:    rand.Text(),
		ValidateOnly: validateOnly,
		Spec: &trainer.RunSpec{
			ModelUri:  absolute(*model),
			OutputUri: absolute(*output),
			Dataset: &vocabulary.DatasetSpec{
				Files:             []*vocabulary.DatasetFile{{Split: vocabulary.Split_SPLIT_TRAIN, Uri: absolute(*trainFile)}},
				MaxSequenceLength: 128,
			},
			Options: &trainer.TrainingOptions{
				MaxSteps:                proto.Int64(100_000),
				PerDeviceTrainBatchSize: proto.Uint32(16),
				LearningRate:            proto.Float64(learningRate),
			},
			MemorySampleIntervalMs: 200,
		},
	}
}

func absolute(path string) string {
	found, err := filepath.Abs(path)
	if err != nil {
		log.Fatal(err)
	}
	return found
}

// watcher follows a run's events. What it has seen last outlives every connection.
type watcher struct {
	name        string
	sequence    int64
	resumeToken string
}

// follow prints events until one is enough or the run has ended. A lost connection loses and repeats nothing.
func (w *watcher) follow(
	ctx context.Context, client trainer.TrainerServiceClient, isEnough func(*trainer.WatchRunResponse) bool,
) error {
	for failures := 0; ; {
		before := w.sequence
		err := w.attach(ctx, client, isEnough)
		if err == nil {
			return nil
		}
		if w.sequence > before {
			failures = 0
		}
		failures++
		if status.Code(err) != codes.Unavailable || failures > maxFailures {
			return err
		}
		if failures == 1 {
			fmt.Printf("connection lost after event %d, attaching again\n", w.sequence)
		}
		time.Sleep(retryDelay * time.Duration(failures))
	}
}

// attach reads one stream, from the event after the last one on.
func (w *watcher) attach(
	ctx context.Context, client trainer.TrainerServiceClient, isEnough func(*trainer.WatchRunResponse) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.WatchRun(ctx, &trainer.WatchRunRequest{Name: w.name, ResumeToken: w.resumeToken})
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if event.GetSequence() != w.sequence+1 {
			return fmt.Errorf("event %d came after event %d", event.GetSequence(), w.sequence)
		}
		w.sequence, w.resumeToken = event.GetSequence(), event.GetResumeToken()
		fmt.Printf("event %d %s\n", w.sequence, describeEvent(event))
		if isEnough(event) {
			return nil
		}
	}
}

func isStep(step int64) func(*trainer.WatchRunResponse) bool {
	return func(event *trainer.WatchRunResponse) bool { return event.GetStep().GetStep() >= step }
}

func megabytes(sizeBytes int64) string {
	return fmt.Sprintf("%.1f MB", float64(sizeBytes)/1e6)
}

func describeEvent(response *trainer.WatchRunResponse) string {
	switch event := response.GetEvent().(type) {
	case *trainer.WatchRunResponse_StateChange:
		return "state " + strings.TrimPrefix(event.StateChange.GetState().String(), "RUN_STATE_")
	case *trainer.WatchRunResponse_Phase:
		return "phase " + event.Phase.GetPhase()
	case *trainer.WatchRunResponse_Step:
		return fmt.Sprintf("step %d loss %.4f", event.Step.GetStep(), event.Step.GetLoss())
	case *trainer.WatchRunResponse_DeviceMemory:
		return "memory " + megabytes(event.DeviceMemory.GetProcessBytes())
	case *trainer.WatchRunResponse_Evaluation:
		return fmt.Sprintf("evaluation at step %d loss %.4f", event.Evaluation.GetStep(), event.Evaluation.GetLoss())
	case *trainer.WatchRunResponse_Checkpoint:
		return fmt.Sprintf("checkpoint at step %d", event.Checkpoint.GetStep())
	case *trainer.WatchRunResponse_Log:
		return fmt.Sprintf("log %s %s", event.Log.GetSeverity(), event.Log.GetMessage())
	default:
		return "of a kind that this client does not know"
	}
}

// printMemory prints so many samples of the device's memory and the run's, then ends the stream, which would never end by itself.
func printMemory(ctx context.Context, client trainer.TrainerServiceClient, runName string, count int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.WatchDeviceMemory(ctx, &trainer.WatchDeviceMemoryRequest{IntervalMs: 100, RunName: runName})
	if err != nil {
		return err
	}
	for number := 1; number <= count; number++ {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, sample := range response.GetSamples() {
			fmt.Printf("memory sample %d: %s %s of %s, run %s\n", number, sample.GetDeviceName(),
				megabytes(sample.GetUsedBytes()), megabytes(sample.GetTotalBytes()), megabytes(sample.GetProcessBytes()))
		}
	}
	return nil
}

// printError prints the status that a service sends beside the code, and each of its details by its type.
func printError(err error) {
	refusal := status.Convert(err)
	fmt.Printf("error %s: %s\n", code.Code(refusal.Code()), refusal.Message())
	for _, detail := range refusal.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("  reason %s of %s\n", detail.GetReason(), detail.GetDomain())
		case *errdetails.ResourceInfo:
			fmt.Printf("  resource %s of %s\n", detail.GetResourceName(), detail.GetResourceType())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("  field %s %s\n", violation.GetField(), violation.GetDescription())
			}
		}
	}
}
