#include <stdlib.h>

#include "MPILibrary.h"

struct deepep_mpi_request {
  size_t received, piece_bytes;
  int count, next;
  handle pieces[];
};

/// A call on its way to the thread that makes it.
typedef struct {
  char *bytes;
  size_t count;
  int process, tag;
  bool is_send;
  deepep_mpi_request *request;
  int status;
} call;

static void post(deepep_mpi *mpi, void *argument) {
  call *call = argument;
  deepep_mpi_request *request = call->request;
  for (int i = 0; i < request->count && !call->status; i++) {
    size_t start = (size_t)i * request->piece_bytes, rest = call->count - start;
    char *bytes = call->bytes ? call->bytes + start : NULL;
    int count = (int)(rest < request->piece_bytes ? rest : request->piece_bytes);
    handle *piece = &request->pieces[i];
    call->status =
        call->is_send
            ? mpi->Isend(bytes, count, mpi->constants.elements[DEEPEP_MPI_BYTE], call->process, call->tag,
                         mpi->communicator, piece)
            : mpi->Irecv(bytes, count, mpi->constants.elements[DEEPEP_MPI_BYTE], call->process, call->tag,
                         mpi->communicator, piece);
  }
}

static int posted(deepep_mpi *mpi, call call, int piece_bytes, deepep_mpi_request **request) {
  size_t size = (size_t)piece_bytes, pieces = call.count ? (call.count + size - 1) / size : 1;
  *request = NULL;
  // Zero, so that a handle of four bytes is one of eight.
  call.request = calloc(1, sizeof *call.request + pieces * sizeof(handle));
  if (!call.request) return -1;
  (call.request->count = (int)pieces, call.request->piece_bytes = size);
  deepep_mpi_run(mpi, post, &call);
  if (call.status) return -call.status;
  *request = call.request;
  return DEEPEP_MPI_RUNNING;
}

int deepep_mpi_send(
    deepep_mpi *mpi, const void *bytes, size_t count, int piece_bytes, int process, int tag,
    deepep_mpi_request **request) {
  // MPI_Isend reads them only.
  call call = {(char *)bytes, count, process, tag, true, NULL, 0};
  return posted(mpi, call, piece_bytes, request);
}

int deepep_mpi_receive(
    deepep_mpi *mpi, void *bytes, size_t count, int piece_bytes, int process, int tag,
    deepep_mpi_request **request) {
  call call = {bytes, count, process, tag, false, NULL, 0};
  return posted(mpi, call, piece_bytes, request);
}

static void test(deepep_mpi *mpi, void *argument) {
  call *call = argument;
  deepep_mpi_request *request = call->request;
  while (request->next < request->count && !call->status) {
    int is_done = 0, count = 0;
    status_words status = {0};
    call->status = mpi->Test(&request->pieces[request->next], &is_done, &status);
    if (call->status || !is_done) return;
    request->next++;
    if (mpi->Get_count(&status, mpi->constants.elements[DEEPEP_MPI_BYTE], &count) == 0 && count > 0)
      request->received += (size_t)count;
  }
}

int deepep_mpi_test(deepep_mpi *mpi, deepep_mpi_request *request, size_t *received) {
  call call = {.request = request};
  deepep_mpi_run(mpi, test, &call);
  *received = request->received;
  if (!call.status && request->next < request->count) return DEEPEP_MPI_RUNNING;
  free(request);
  return -call.status;
}

static void cancel(deepep_mpi *mpi, void *argument) {
  deepep_mpi_request *request = argument;
  for (int i = request->next; i < request->count; i++) mpi->Cancel(&request->pieces[i]);
}

void deepep_mpi_cancel(deepep_mpi *mpi, deepep_mpi_request *request) {
  deepep_mpi_run(mpi, cancel, request);
}
