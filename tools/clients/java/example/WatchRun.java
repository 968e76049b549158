import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import io.grpc.ChannelCredentials;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import pemmican.trainer.v1.Trainer.DeviceMemorySample;
import pemmican.trainer.v1.Trainer.RunSpec;
import pemmican.trainer.v1.TrainerServiceGrpc;
import pemmican.trainer.v1.TrainerServiceGrpc.TrainerServiceBlockingStub;
import pemmican.trainer.v1.TrainerServiceOuterClass.CancelRunRequest;
import pemmican.trainer.v1.TrainerServiceOuterClass.CreateRunRequest;
import pemmican.trainer.v1.TrainerServiceOuterClass.WatchDeviceMemoryRequest;
import pemmican.trainer.v1.TrainerServiceOuterClass.WatchDeviceMemoryResponse;
import pemmican.trainer.v1.TrainerServiceOuterClass.WatchRunRequest;
import pemmican.trainer.v1.TrainerServiceOuterClass.WatchRunResponse;
import pemmican.trainer.v1.TrainingOptionsOuterClass.TrainingOptions;
import pemmican.vocabulary.v1.Dataset.DatasetFile;
import pemmican.vocabulary.v1.Dataset.DatasetSpec;
import pemmican.vocabulary.v1.Dataset.Split;

/**
 * Creates a run, watches it over a lost connection, reads memory samples, cancels it, and decodes the details of two errors:
 * {@code java -cp 'pemmican-client.jar:lib/*' WatchRun.java --server localhost:50053 --model ./model --train-file train.jsonl
 * --output ./output}.
 */
public final class WatchRun {
  private static final int MAX_FAILURES = 10;
  private static final long RETRY_DELAY_MS = 200;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Map<String, String> options;

  private WatchRun(Map<String, String> options) {
    this.options = options;
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new TreeMap<>(Map.of(
        "--server", "localhost:50053", "--model", "model", "--train-file", "train.jsonl", "--output", "output"));
    for (int index = 0; index + 1 < arguments.length; index += 2) options.put(arguments[index], arguments[index + 1]);
    new WatchRun(options).run();
  }

  private void run() throws Exception {
    ManagedChannel first = connect();
    TrainerServiceBlockingStub trainer = stub(first);
    CreateRunRequest asked = request(1e-3, false);
    String name = trainer.createRun(asked).getRun().getName();
    System.out.println("created " + name);
    // An answer may get lost. Asking again with the same request id gives the run that there is.
    System.out.println("created again with the same request id: " + trainer.createRun(asked).getRun().getName());
    Watcher watcher = new Watcher(name);
    watcher.follow(trainer, isStep(3));
    first.shutdownNow();
    System.out.println("disconnected after event " + watcher.sequence);

    ManagedChannel second = connect();
    TrainerServiceBlockingStub again = stub(second);
    watcher.follow(again, isStep(6));
    printMemory(again, name, 3);
    CancelRunRequest cancel = CancelRunRequest.newBuilder().setName(name).build();
    again.cancelRun(cancel);
    System.out.println("cancelled " + name);
    watcher.follow(again, event -> false);
    System.out.println("saw " + watcher.sequence + " events, none lost, none repeated");

    printFailure(() -> again.cancelRun(cancel));
    printFailure(() -> again.createRun(request(-1, true)));
    second.shutdownNow();
  }

  private ManagedChannel connect() throws IOException {
    String authority = options.get("--tls-ca");
    ChannelCredentials security = authority == null
        ? InsecureChannelCredentials.create()
        : TlsChannelCredentials.newBuilder().trustManager(new File(authority)).build();
    return Grpc.newChannelBuilder(options.get("--server"), security).build();
  }

  /** A client whose every call carries the token, where the server asks for one. */
  private TrainerServiceBlockingStub stub(ManagedChannel channel) throws IOException {
    Metadata metadata = new Metadata();
    String tokenFile = options.get("--token-file");
    if (tokenFile != null) metadata.put(AUTHORIZATION, "Bearer " + Files.readString(Path.of(tokenFile)).strip());
    return TrainerServiceGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  /** A request for a run that goes on until it is cancelled, or for a check of one. */
  private CreateRunRequest request(double learningRate, boolean validateOnly) {
    DatasetSpec dataset = DatasetSpec.newBuilder()
        .addFiles(DatasetFile.newBuilder().setSplit(Split.SPLIT_TRAIN).setUri(absolute("--train-file")))
        .setMaxSequenceLength(128)
        .build();
    TrainingOptions trainingOptions = TrainingOptions.newBuilder()
        .setMaxSteps(100_000)
        .setPerDeviceTrainBatchSize(16)
        .setLearningRate(learningRate)
        .build();
    RunSpec spec = RunSpec.newBuilder()
        .setModelUri(absolute("--model"))
        .setOutputUri(absolute("--output"))
        .setDataset(dataset)
        .setOptions(trainingOptions)
        .setMemorySampleIntervalMs(200)
        .build();
    return CreateRunRequest.newBuilder()
        .setRequestId(UUID.randomUUID().toString())
        .setValidateOnly(validateOnly)
        .setSpec(spec)
        .build();
  }

  private String absolute(String option) {
    return Path.of(options.get(option)).toAbsolutePath().toString();
  }

  private static Predicate<WatchRunResponse> isStep(long step) {
    return event -> event.hasStep() && event.getStep().getStep() >= step;
  }

  /** Follows a run's events. What it has seen last outlives every connection. */
  private static final class Watcher {
    private final String name;
    private String resumeToken = "";
    private long sequence = 0;
    private int failures = 0;

    Watcher(String name) {
      this.name = name;
    }

    /** Prints events until one is enough or the run has ended. A lost connection loses and repeats nothing. */
    void follow(TrainerServiceBlockingStub trainer, Predicate<WatchRunResponse> isEnough) throws InterruptedException {
      while (true) {
        // Cancelling the context ends the call.
        try (Context.CancellableContext call = Context.current().withCancellation()) {
          call.run(() -> attach(trainer, isEnough));
          return;
        } catch (StatusRuntimeException error) {
          failures++;
          if (error.getStatus().getCode() != Status.Code.UNAVAILABLE || failures > MAX_FAILURES) throw error;
          if (failures == 1) System.out.println("connection lost after event " + sequence + ", attaching again");
          Thread.sleep(RETRY_DELAY_MS * failures);
        }
      }
    }

    private void attach(TrainerServiceBlockingStub trainer, Predicate<WatchRunResponse> isEnough) {
      WatchRunRequest watch = WatchRunRequest.newBuilder().setName(name).setResumeToken(resumeToken).build();
      Iterator<WatchRunResponse> events = trainer.watchRun(watch);
      while (events.hasNext()) {
        WatchRunResponse event = events.next();
        if (event.getSequence() != sequence + 1)
          throw new IllegalStateException("event " + event.getSequence() + " came after event " + sequence);
        sequence = event.getSequence();
        resumeToken = event.getResumeToken();
        failures = 0;
        System.out.println("event " + sequence + " " + describeEvent(event));
        if (isEnough.test(event)) return;
      }
    }
  }

  private static String megabytes(long sizeBytes) {
    return String.format(Locale.ROOT, "%.1f MB", sizeBytes / 1e6);
  }

  private static String describeEvent(WatchRunResponse event) {
    switch (event.getEventCase()) {
      case STATE_CHANGE:
        return "state " + event.getStateChange().getState().name().replaceFirst("^RUN_STATE_", "");
      case PHASE:
        return "phase " + event.getPhase().getPhase();
      case STEP:
        return String.format(Locale.ROOT, "step %d loss %.4f", event.getStep().getStep(), event.getStep().getLoss());
      case DEVICE_MEMORY:
        return "memory " + megabytes(event.getDeviceMemory().getProcessBytes());
      case EVALUATION:
        return String.format(Locale.ROOT, "evaluation at step %d loss %.4f",
            event.getEvaluation().getStep(), event.getEvaluation().getLoss());
      case CHECKPOINT:
        return "checkpoint at step " + event.getCheckpoint().getStep();
      case LOG:
        return "log " + event.getLog().getSeverity() + " " + event.getLog().getMessage();
      default:
        return "of a kind that this client does not know";
    }
  }

  /** Prints so many samples of the device's memory and the run's, then ends the stream, which would never end by itself. */
  private static void printMemory(TrainerServiceBlockingStub trainer, String runName, int count) {
    WatchDeviceMemoryRequest watch =
        WatchDeviceMemoryRequest.newBuilder().setIntervalMs(100).setRunName(runName).build();
    try (Context.CancellableContext call = Context.current().withCancellation()) {
      call.run(() -> {
        Iterator<WatchDeviceMemoryResponse> responses = trainer.watchDeviceMemory(watch);
        for (int number = 1; number <= count; number++) {
          for (DeviceMemorySample sample : responses.next().getSamplesList())
            System.out.println("memory sample " + number + ": " + sample.getDeviceName()
                + " " + megabytes(sample.getUsedBytes()) + " of " + megabytes(sample.getTotalBytes())
                + ", run " + megabytes(sample.getProcessBytes()));
        }
      });
    }
  }

  /** Prints the status that a service sends beside the code, and each of its details by its type. */
  private static void printError(StatusRuntimeException error) throws InvalidProtocolBufferException {
    System.out.println("error " + error.getStatus().getCode() + ": " + error.getStatus().getDescription());
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    if (status == null) return;
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        System.out.println("  reason " + info.getReason() + " of " + info.getDomain());
      } else if (detail.is(ResourceInfo.class)) {
        ResourceInfo resource = detail.unpack(ResourceInfo.class);
        System.out.println("  resource " + resource.getResourceName() + " of " + resource.getResourceType());
      } else if (detail.is(BadRequest.class)) {
        for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList())
          System.out.println("  field " + violation.getField() + " " + violation.getDescription());
      }
    }
  }

  private static void printFailure(Runnable call) throws InvalidProtocolBufferException {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      printError(error);
      return;
    }
    throw new IllegalStateException("the call was to be refused");
  }
}
